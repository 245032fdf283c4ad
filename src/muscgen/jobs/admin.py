"""What operators do to a queue: look, pause, resume, purge, and bring the dead back."""

from __future__ import annotations

from dataclasses import dataclass

from muscgen.jobs.connect import outages
from muscgen.jobs.keys import Keys
from muscgen.jobs.submit import CLASSES, Submitting


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue of one model at one moment. Jobs, seconds, bytes."""

    model: str
    waiting: dict[str, int]  # by class of priority
    retrying: int
    running: int
    dead: int
    paused: bool
    oldest_s: float  # how long the oldest of those next in line has waited
    oldest_by_class_s: dict[str, float]  # how long the next of each class has; 0 where none waits
    eta_s: float | None  # until a job that came now would be done; None without workers
    workers: int
    slots: int
    audio_s_per_s: float
    cached: int
    cached_bytes: int


class Administering(Submitting):
    """The operators' side."""

    async def stats(self, model: str) -> QueueStats:
        """Raises QueueUnavailable."""
        waiting, since, now, retrying, running, dead, paused, cached, cached_bytes = await self._run(
            "stats", self._keys(model)
        )
        waited_s = [(now - int(created)) / 1000 if created else 0.0 for created in since]
        workers = await self.workers(model)
        return QueueStats(
            model=model,
            waiting=dict(zip(CLASSES, waiting, strict=True)),
            retrying=retrying,
            running=running,
            dead=dead,
            paused=bool(paused),
            oldest_s=max(waited_s),
            oldest_by_class_s=dict(zip(CLASSES, waited_s, strict=True)),
            eta_s=await self.eta_s(model),
            workers=len(workers),
            slots=sum(worker.slots for worker in workers),
            audio_s_per_s=sum(worker.audio_s_per_s or 0.0 for worker in workers),
            cached=cached,
            cached_bytes=cached_bytes,
        )

    async def models(self) -> list[str]:
        """Every model that ever had a job or a worker."""
        return sorted((await self._models()).values())

    async def pause(self, model: str) -> None:
        """Nobody claims a job of the model from now on; those that run go on, and new ones are accepted."""
        with outages():
            await self.redis.set(self._keys(model).paused, "1")

    async def resume(self, model: str) -> None:
        """Jobs are claimed again, within a second."""
        with outages():
            await self.redis.delete(self._keys(model).paused)

    async def purge(self, model: str) -> int:
        """Cancel every job that waits; how many. Running ones are left alone."""
        gone = 0
        while cancelled := int(await self._run("purge", Keys(self._keys(model).tag, self.prefix))):
            gone += cancelled
        return gone
