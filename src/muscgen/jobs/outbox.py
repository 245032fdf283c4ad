"""The webhooks' side: what is still to be told, held under a lease, let go in one of five ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from muscgen import telemetry
from muscgen.errors import InvalidRequest, JobExpired, JobNotFinished, JobNotFound
from muscgen.jobs.base import QueueBase, fields_of, ms
from muscgen.jobs.connect import outages
from muscgen.jobs.job import Job
from muscgen.jobs.keys import Keys
from muscgen.jobs.scripts import Reply

_UNREADABLE_S = 600.0  # another version's process may read it meanwhile


class Outcome(StrEnum):
    """How a call ended."""

    TOLD = "told"
    RETRY = "retry"  # it failed; again after a pause
    LATER = "later"  # it was not tried
    DEAD = "dead"  # the last try failed
    GONE = "gone"  # nobody wants to hear of this job any more


@dataclass(frozen=True, slots=True)
class Call:
    """A message of a job, held by whoever took it until its lease is over. Times are Unix seconds."""

    job: Job  # as it ended, or else as it stands
    kind: str
    event_id: str
    token: int
    tries: int  # that failed before

    @property
    def message_id(self) -> str:
        """The same for every try and every resend."""
        return f"msg_{self.job.id.removeprefix('job_')}_{self.event_id.replace('-', '_')}"

    @property
    def told_at(self) -> float:
        return int(self.event_id.partition("-")[0]) / 1000


@dataclass(frozen=True, slots=True)
class DeadCall:
    """The end of a job that nobody could tell, kept 7 days for a resend."""

    job_id: str
    reason: str
    tries: int
    died_at: float


class Posting(QueueBase):
    """Every message of a webhook is written by the script that moves its job, so none is lost."""

    async def take_calls(self, lease_s: float, limit: int) -> list[Call]:
        """Hold up to `limit` due messages, of each job the first, for `lease_s` seconds."""
        calls: list[Call] = []
        for tag in await self._models():
            if len(calls) >= limit:
                break
            keys = Keys(tag, self.prefix)
            rows = await self._run("outbox_take", keys, ms(lease_s), limit - len(calls))
            calls += [call for row in rows if (call := await self._taken(keys, row)) is not None]
        return calls

    async def settle_call(
        self, call: Call, outcome: Outcome, *, pause_s: float = 0.0, reason: str = ""
    ) -> bool:
        """Let a message go; False, and nothing changes, if the lease was over and somebody else holds it."""
        arguments = (call.job.id, call.token, outcome.value, ms(pause_s), reason)
        return bool(await self._run("outbox_settle", self._keys_of(call.job.id), *arguments) != b"lost")

    async def dead_calls(self) -> list[DeadCall]:
        """The ends that could not be told within a day, of the last 7 days, oldest first."""
        found: list[DeadCall] = []
        for tag in await self._models():
            keys = Keys(tag, self.prefix)
            with outages():
                ids = [job_id.decode() for job_id in await self.redis.zrange(keys.dead_hooks, 0, -1)]
                records = [await self.redis.hgetall(keys.hook(job_id)) for job_id in ids]
            found += [_dead(job_id, record) for job_id, record in zip(ids, records, strict=True) if record]
        return sorted(found, key=lambda dead: dead.died_at)

    async def resend_call(self, job_id: str) -> None:
        """Tell the end of a job again, or what is waiting to be told at once, under the same message id.

        Raises JobNotFound, JobExpired, JobNotFinished, InvalidRequest for a job whose webhook does not
        want to hear of the end.
        """
        answer: bytes = await self._run("outbox_resend", self._keys_of(job_id), job_id)
        match answer:
            case b"missing":
                raise JobNotFound(f"there is no job {job_id}")
            case b"gone":
                raise JobExpired(f"job {job_id} has expired and its record is gone")
            case b"open":
                raise JobNotFinished(f"job {job_id} goes on, and all there was to tell is told")
            case b"unwanted":
                raise InvalidRequest(
                    f"job {job_id} has no webhook for its end", param="delivery.webhook.events"
                )

    async def _taken(self, keys: Keys, row: Sequence[Reply]) -> Call | None:
        """The call; None where this version cannot read the job, or where it is no more."""
        job_id, token, entry, tries, flat = row
        kind, _, event_id = entry.decode().partition(" ")
        fields = fields_of(flat)
        try:
            job = Job.read(job_id.decode(), fields, None, 0)
        except (ValidationError, KeyError):
            telemetry.warning("webhook.unreadable", job=job_id.decode())
            outcome = Outcome.LATER if fields else Outcome.GONE
            await self._run("outbox_settle", keys, job_id, token, outcome.value, ms(_UNREADABLE_S), "")
            return None
        return Call(job, kind, event_id, token, int(tries))


def _dead(job_id: str, record: dict[bytes, bytes]) -> DeadCall:
    return DeadCall(
        job_id=job_id,
        reason=record.get(b"reason", b"").decode(),
        tries=int(record.get(b"tries", 0)) + 1,
        died_at=int(record[b"died"]) / 1000,
    )
