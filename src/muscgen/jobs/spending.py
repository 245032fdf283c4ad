"""What a tenant may still ask for, over all models: jobs a minute and seconds of music a day."""

from __future__ import annotations

import hashlib

from muscgen.errors import DeadlineTooShort, QuotaExceeded, RateLimited
from muscgen.jobs.keys import Keys
from muscgen.jobs.limits import Limits
from muscgen.jobs.read import Reading
from muscgen.request import SongRequest


class Spending(Reading):
    """Spend before the job is enqueued, and refund where none came of it.

    The account lies in a slot of its own: a process that dies between the two costs the tenant one
    job's worth, which comes back as the minute and the day pass.
    """

    def _account(self, tenant: str) -> Keys:
        return Keys(f"tenant:{hashlib.sha256(tenant.encode()).hexdigest()[:16]}", self.prefix)

    async def _spend(self, tenant: str, limits: Limits, request: SongRequest, job_id: str) -> bool:
        """Whether anything was spent. Raises RateLimited, QuotaExceeded, DeadlineTooShort."""
        await self._check_deadline(request)
        if not tenant or (limits.per_minute is None and limits.seconds_per_day is None):
            return False
        audio_s = request.duration_s * request.n
        day = -1 if limits.seconds_per_day is None else limits.seconds_per_day
        minute = -1 if limits.per_minute is None else limits.per_minute
        reply = await self._run("spend", self._account(tenant), job_id, minute, day, audio_s)
        match reply:
            case [b"minute", wait_ms]:
                raise RateLimited(
                    f"you may ask for {limits.per_minute} jobs a minute",
                    retry_after_s=max(1.0, wait_ms / 1000),
                )
            case [b"day", left, wait_ms]:
                raise QuotaExceeded(
                    f"{audio_s:g} s of music are more than is left of your {day:g} s a day",
                    param="duration",
                    suggestion=f"at most {float(left):g} s now",
                    retry_after_s=max(1.0, wait_ms / 1000),
                )
            case _:
                return True

    async def _refund(self, tenant: str, request: SongRequest, job_id: str) -> None:
        await self._run("refund", self._account(tenant), job_id, request.duration_s * request.n)

    async def _check_deadline(self, request: SongRequest) -> None:
        """Refuse what measured workers cannot make in time, whatever happens."""
        deadline_s = request.delivery.deadline_s
        if deadline_s is None:
            return
        speeds = [worker.audio_s_per_s for worker in await self.workers(request.model)]
        if not speeds or None in speeds:
            return
        fastest_s = request.duration_s / max(speed for speed in speeds if speed)
        if fastest_s > deadline_s:
            raise DeadlineTooShort(
                f"{request.duration_s:g} s of music take {fastest_s:.1f} s here, even without a queue",
                param="delivery.deadline",
                suggestion=f"a deadline of at least {fastest_s + 1:.0f} s, or a shorter song",
            )
