"""Can this process do its work?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from muscgen.errors import QueueUnavailable
from muscgen.jobs.queue import Queue

START_GRACE_S = 60.0  # loading a large model takes about that long
LOOK_S = 2.0  # a Redis that takes longer is no Redis

Status = Literal["starting", "ready", "degraded", "failed"]


@dataclass(frozen=True, slots=True)
class Report:
    """starting and failed are no state to send requests to; degraded takes jobs that nobody makes as yet."""

    status: Status
    why: list[str]
    redis: bool
    workers: dict[str, int] = field(default_factory=dict)

    @property
    def http_status(self) -> int:
        return 200 if self.status in ("ready", "degraded") else 503

    def to_dict(self) -> dict[str, Any]:
        models = {model: {"workers": count} for model, count in self.workers.items()}
        return {"status": self.status, "why": self.why, "redis": self.redis, "models": models}


class Readiness:
    """Looks at the queue, and remembers whether a worker was ever seen."""

    def __init__(
        self, queue: Queue, models: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._models = models
        self._clock = clock
        self._began = clock()
        self._seen = False

    async def report(self) -> Report:
        try:
            async with asyncio.timeout(LOOK_S):
                workers = {model: len(await self._queue.workers(model)) for model in self._models}
        except (QueueUnavailable, TimeoutError):
            return Report("failed", ["Redis does not answer"], redis=False)
        return self._judge(workers)

    def _judge(self, workers: dict[str, int]) -> Report:
        self._seen = self._seen or any(workers.values())
        why = [f"no worker serves {model}" for model, count in workers.items() if not count]
        if not why:
            return Report("ready", [], redis=True, workers=workers)
        # Only at the beginning: where workers are started by the queue's depth, jobs must come in first.
        fresh = not self._seen and self._clock() - self._began < START_GRACE_S
        return Report("starting" if fresh else "degraded", why, redis=True, workers=workers)
