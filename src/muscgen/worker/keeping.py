"""What a job puts into the store: patiently, if that is away or full; given up, if nobody will see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from muscgen import telemetry
from muscgen.artifacts import Artifact, Store
from muscgen.errors import Cancelled, StoreUnavailable
from muscgen.finishing.pipeline import Finished
from muscgen.jobs import Claim

PATIENCE_S = 120.0  # a restart of the store, or an operator who makes room; then the job is tried again
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
LOOK_S = 0.1  # how soon a stop is noticed

Tell = Callable[[str, dict[str, Any]], Awaitable[None]]  # kind and payload of an event


class Keeping:
    """The files of one job. stopped: whether the job is to end without its song."""

    def __init__(self, claim: Claim, store: Store, stopped: Callable[[], bool], tell: Tell) -> None:
        self.kept: list[str] = []  # artifact ids
        self._claim = claim
        self._store = store
        self._stopped = stopped
        self._tell = tell

    async def keep(self, output: int, finished: Finished) -> Artifact:
        """Put the file; where the store is away, again and again for PATIENCE_S.

        Raises StoreUnavailable when patience ends, Cancelled when the job is stopped meanwhile.
        """
        put = partial(
            self._store.put,
            finished.content,
            owner=self._claim.job_id,
            content_type=finished.content_type,
            extension=finished.extension,
            duration_s=finished.audio.duration_s,
            sample_rate=finished.audio.sample_rate,
            channels=finished.audio.channels,
            expires_at=time.time() + self._claim.request.delivery.ttl_s,
        )
        until, pause_s = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            try:
                artifact = await asyncio.to_thread(put)
                self.kept.append(artifact.id)
                return artifact
            except StoreUnavailable as error:
                if time.monotonic() + pause_s > until:
                    raise
                if pause_s == FIRST_PAUSE_S:
                    await self._tell(
                        "warning", {"output": output, "detail": f"{error.detail}; it is awaited"}
                    )
            telemetry.warning("job.store_awaited", job=self._claim.job_id, pause_s=pause_s)
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def give_up(self) -> None:
        """Release all of it; what cannot be reached now, the sweep of the store finds."""
        for artifact_id in self.kept:
            try:
                await asyncio.to_thread(self._store.release, artifact_id, self._claim.job_id)
            except StoreUnavailable:
                telemetry.warning("job.release_missed", job=self._claim.job_id)
                return

    async def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._stopped():
                raise Cancelled("the job was stopped while it waited for the store")
            await asyncio.sleep(LOOK_S)
