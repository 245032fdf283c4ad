"""What those who wait for a model may expect."""

from __future__ import annotations

from dataclasses import dataclass

from muscgen.jobs.job import LiveWorker
from muscgen.jobs.scripts import Reply
from muscgen.jobs.stock import Coming

UNMEASURED_AUDIO_S_PER_S = 1.0  # a worker that has measured nothing yet is taken for real time


@dataclass(frozen=True, slots=True)
class Outlook:
    """A model's queue at one moment. mean_s: of music a job, lately."""

    workers: tuple[LiveWorker, ...]
    mean_s: float
    running: int
    waiting: int
    coming: Coming | None

    @classmethod
    def read(cls, reply: Reply) -> Outlook:
        """From the answer of the script."""
        workers, mean, running, waiting, coming = reply
        return cls(
            tuple(LiveWorker.read(record) for record in workers if record),
            float(mean),
            running,
            waiting,
            Coming.read(coming) if coming else None,
        )

    def eta_s(self, position: int | None = None) -> float | None:
        """Seconds until a job at `position` (None: the end of the queue) is done; None without workers.

        Work ahead (jobs times the running mean of their length) by the measured throughput of live workers.
        """
        if not self.workers:
            return None
        throughput = sum(worker.audio_s_per_s or UNMEASURED_AUDIO_S_PER_S for worker in self.workers)
        ahead = self.waiting if position is None else position + 1
        return (ahead + self.running / 2) * self.mean_s / throughput  # those running are half done
