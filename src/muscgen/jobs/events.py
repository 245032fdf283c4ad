"""Following a job: what happened, and what happens next."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator

from muscgen.errors import InvalidRequest, JobExpired, JobNotFound, QueueUnavailable
from muscgen.jobs.connect import outages
from muscgen.jobs.job import Event, Job
from muscgen.jobs.read import Reading
from muscgen.jobs.scripts import Reply
from muscgen.jobs.states import TERMINAL

BLOCK_S = 5.0  # how often a quiet listener looks whether its job still exists
PATIENCE_S = 30.0  # how long an outage a listener sits out
PAUSE_S = 0.2
BATCH = 500
_EVENT_ID = re.compile(r"\d{1,20}(-\d{1,20})?")


class Following(Reading):
    """Wait for a job."""

    async def events(self, job_id: str, after: str | None = None) -> AsyncIterator[Event]:
        """Events after the id `after` (None: from the first), then new ones as they come, up to `completed`.

        Sits out an outage of up to 30 s. Raises JobNotFound, JobExpired, InvalidRequest for an `after`
        that is no event id, QueueUnavailable.
        """
        if after is not None and not _EVENT_ID.fullmatch(after):
            raise InvalidRequest("not the id of an event", param="Last-Event-ID")
        await self.get(job_id)
        async for event in self._follow(job_id, after or "0", None):
            yield event

    async def wait(self, job_id: str, timeout_s: float) -> Job:
        """The job once it is final, or as it stands after `timeout_s`. Raises JobNotFound, JobExpired."""
        until = time.monotonic() + timeout_s
        job = await self.get(job_id)
        if job.terminal or timeout_s <= 0:
            return job
        # From the first event on: one that came between the look and the wait must not be missed.
        async for _ in self._follow(job_id, "0", until):
            pass
        return await self.get(job_id)

    async def _follow(self, job_id: str, after: str, until: float | None) -> AsyncIterator[Event]:
        away_since: float | None = None
        while True:
            left_s = BLOCK_S if until is None else min(BLOCK_S, until - time.monotonic())
            try:
                over = await self._over(job_id)
                events = await self._read(job_id, after, 0.0 if over else max(left_s, 0.0))
                away_since = None
            except QueueUnavailable:
                away_since = away_since or time.monotonic()
                if left_s <= 0 or time.monotonic() - away_since > PATIENCE_S:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            for event in events:
                after = event.id
                yield event
                if event.kind == "completed":
                    return
            if (over or left_s <= 0) and len(events) < BATCH:
                return

    async def _over(self, job_id: str) -> bool:
        """Whether no more events will come: all there are can be read at once."""
        try:
            return (await self.get(job_id)).state in TERMINAL
        except (JobNotFound, JobExpired):
            return True

    async def _read(self, job_id: str, after: str, block_s: float) -> list[Event]:
        block_ms = max(1, round(block_s * 1000)) if block_s > 0 else None
        key = self._keys_of(job_id).events(job_id)
        with outages():
            reply = await self.redis.xread({key: after}, count=BATCH, block=block_ms)
        rows = [row for _, rows in streams(reply) for row in rows]
        return [
            Event(number.decode(), fields[b"kind"].decode(), json.loads(fields[b"payload"]))
            for number, fields in rows
        ]


def streams(reply: Reply) -> Reply:
    """The streams of XREAD's reply, which is a list in RESP2 and a mapping in RESP3."""
    if isinstance(reply, dict):
        return [(key, [row for rows in lists for row in rows]) for key, lists in reply.items()]
    return reply or []
