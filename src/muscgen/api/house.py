"""What the routes are handed: the parts of the service, and who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from muscgen.admission import Desk, Gate, Keyring, Links, Principal
from muscgen.api.frames import Frames
from muscgen.api.lookout import Lookout
from muscgen.artifacts import Store
from muscgen.artifacts.files import outages
from muscgen.audit import Audit
from muscgen.errors import InvalidRequest, JobNotFound
from muscgen.jobs.consents import Consents
from muscgen.jobs.job import Job
from muscgen.jobs.queue import Queue
from muscgen.models.registry import Registry
from muscgen.rights import Rules
from muscgen.rights.uploads import Uploads
from muscgen.settings import Settings

DECODERS = 2  # uploads that are decoded at once; each takes a core, and may take a gigabyte


@dataclass(frozen=True, slots=True)
class House:
    """The parts of the service that requests reach."""

    settings: Settings
    queue: Queue
    store: Store
    registry: Registry
    rules: Rules
    keyring: Keyring
    audit: Audit
    uploads: Uploads
    links: Links
    lookout: Lookout
    decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DECODERS))
    frames: Frames = field(default_factory=Frames)

    @property
    def consents(self) -> Consents:
        return Consents(self.queue.redis, self.queue.prefix, self.queue.surety)

    @property
    def desk(self) -> Desk:
        settings = self.settings
        return Desk(self.consents, self.audit, settings.deployment_use, settings.sensitive_uses)

    @property
    def gate(self) -> Gate:
        return Gate(
            self.queue,
            self.store,
            self.registry,
            self.settings.default_model,
            self.rules,
            self.desk,
            private_webhooks=self.settings.webhook_allow_private,
        )

    def spool(self) -> Path:
        """The folder for bodies on their way into the store. Raises StoreUnavailable."""
        with outages():
            self.settings.spool_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.settings.spool_path

    async def job_of(self, asker: Principal, job_id: str) -> Job:
        """The asker's job. Raises JobNotFound, for another tenant's too, JobExpired, QueueUnavailable."""
        job = await self.queue.get(job_id)
        if not asker.sees(job):
            raise JobNotFound(f"there is no job {job_id}")
        return job


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    await house.lookout.look()
    return house


def _with(scope: str) -> Callable[[Request, House], Awaitable[Principal]]:
    async def principal(request: Request, house: Annotated[House, Depends(_house)]) -> Principal:
        asker = await house.keyring.authenticate(request.headers.get("authorization"))
        asker.need(scope)
        return asker

    return principal


reader, operator = _with("read"), _with("admin")
Parts = Annotated[House, Depends(_house)]
Maker = Annotated[Principal, Depends(_with("generate"))]
Reader = Annotated[Principal, Depends(reader)]
Operator = Annotated[Principal, Depends(operator)]
OPERATORS = Depends(operator)
KNOWN = Depends(reader)  # for routers whose routes do not care who asks


def query(*names: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses query parameters other than these: a misspelt filter must not be ignored."""

    async def check(request: Request) -> None:
        for name in request.query_params:
            if name not in names:
                known = f"known here: {', '.join(names)}" if names else "none is known here"
                raise InvalidRequest(f"{name[:80]} is not a parameter", param=name[:80], suggestion=known)

    return check
