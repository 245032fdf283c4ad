"""Lines of an audit log that are owed: of jobs that get another one's song, which no worker writes down.

`enqueue` notes with the job itself that its line is owed, and to which log, so it is written whatever dies.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from muscgen import telemetry
from muscgen.jobs.base import QueueBase, fields_of, ms
from muscgen.jobs.job import Job
from muscgen.jobs.keys import Keys

LATE_S = 30.0  # whoever asked is taken to have died before the line
GIVEN_UP_S = 3_600.0  # and so are all who write to that log


@dataclass(frozen=True, slots=True)
class Owed:
    """The line of a job, as it was when it came. revision: of the model that it asked for."""

    job: Job
    revision: str


class Owing(QueueBase):
    """The side of those who write an audit log."""

    async def take_owed(
        self, log: str, *, late_s: float = LATE_S, given_up_s: float = GIVEN_UP_S
    ) -> list[Owed]:
        """Up to 200 lines of each model that are late, oldest first; nobody else gets them for late_s.

        log: whose own are taken after late_s, and those of others after given_up_s.
        """
        taken: list[Owed] = []
        for tag in await self._models():
            rows = await self._run("owed_take", Keys(tag, self.prefix), log, ms(late_s), ms(given_up_s))
            for job_id, flat in rows:
                fields = fields_of(flat)
                try:
                    job = Job.read(job_id.decode(), fields, None, 0)
                except ValidationError:  # another version's process will read it
                    telemetry.warning("audit.unreadable", job=job_id.decode())
                else:
                    taken.append(Owed(job, fields["revision"]))
        return taken

    async def settle_owed(self, job_id: str) -> None:
        """The line is on the disk, or there is nothing to write."""
        await self._run("owed_settle", self._keys_of(job_id), job_id)
