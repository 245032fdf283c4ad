"""Can this process do its work?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from muscgen.artifacts import Store
from muscgen.errors import MuscgenError, QueueUnavailable
from muscgen.jobs.queue import Queue

START_GRACE_S = 60.0  # loading a large model takes about that long
STORE_EVERY_S = 5.0
LOOK_S = 2.0  # a Redis that takes longer is no Redis
AWAY = "the store of files does not answer"

Status = Literal["starting", "ready", "degraded", "failed"]


@dataclass(frozen=True, slots=True)
class Report:
    """starting and failed are no state to send requests to; degraded takes jobs that nobody makes as yet."""

    status: Status
    why: list[str]
    redis: bool
    store: bool | None = None  # None: nobody asked it
    workers: dict[str, int] = field(default_factory=dict)

    @property
    def http_status(self) -> int:
        return 200 if self.status in ("ready", "degraded") else 503

    def to_dict(self) -> dict[str, Any]:
        models = {model: {"workers": count} for model, count in self.workers.items()}
        parts = {"redis": self.redis, "store": self.store, "models": models}
        return {"status": self.status, "why": self.why, **parts}


class Readiness:
    """Looks at the queue and the store, and remembers whether a worker was ever seen.

    models: those that may be used here. wanted: those that the settings name, here or not.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        models: Callable[[], Sequence[str]],
        *,
        wanted: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._store = StoreWatch(store, clock)
        self._models = models
        self._wanted = wanted
        self._clock = clock
        self._began = clock()
        self._seen = False

    async def report(self) -> Report:
        try:
            async with asyncio.timeout(LOOK_S):
                here = self._models()
                asked = dict.fromkeys([*here, *self._wanted])
                workers = {model: len(await self._queue.workers(model)) for model in asked}
        except (QueueUnavailable, TimeoutError):
            return Report("failed", ["Redis does not answer"], redis=False)
        return self._judge(workers, here, await self._store.trouble())

    def _judge(self, workers: dict[str, int], here: Sequence[str], trouble: str) -> Report:
        self._seen = self._seen or any(workers.values())
        why = [_nobody(model, here) for model, count in workers.items() if not count]
        # Only at the beginning: where workers are started by the queue's depth, jobs must come in first.
        fresh = bool(why) and not self._seen and self._clock() - self._began < START_GRACE_S
        if trouble:
            why.append(trouble)
        status: Status = "starting" if fresh else "degraded" if why else "ready"
        return Report(status, why, redis=True, store=not trouble, workers=workers)


class StoreWatch:
    """Asks the store at most every STORE_EVERY_S, one at a time, and waits LOOK_S for what it says."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._asked_at = -STORE_EVERY_S
        self._asking: asyncio.Future[None] | None = None

    async def trouble(self) -> str:
        """Why it could not keep a file; nothing where it could."""
        stale = self._clock() - self._asked_at >= STORE_EVERY_S
        if self._asking is None or (self._asking.done() and stale):
            self._asked_at = self._clock()
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._store.check))
        await asyncio.wait({self._asking}, timeout=LOOK_S)
        if not self._asking.done():
            return AWAY
        error = self._asking.exception()
        return error.detail if isinstance(error, MuscgenError) else "" if error is None else AWAY


def _nobody(model: str, here: Sequence[str]) -> str:
    return f"no worker serves {model}" if model in here else f"{model} is not here, and no worker has it"
