"""Following a job: what happened, and what happens next."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from muscgen.errors import InvalidRequest, JobExpired, JobNotFound, QueueUnavailable
from muscgen.jobs.connect import outages
from muscgen.jobs.job import Event, Job
from muscgen.jobs.read import Reading
from muscgen.jobs.scripts import Reply
from muscgen.jobs.states import TERMINAL
from muscgen.jobs.tail import Tail

BLOCK_S = 5.0  # how often a quiet listener looks whether its job still exists
PATIENCE_S = 30.0  # how long an outage a listener sits out
PAUSE_S = 0.2
BATCH = 500
_EVENT_ID = re.compile(r"\d{1,20}(-\d{1,20})?")


class Following(Reading):
    """Wait for a job. However many follow one job in a process, one of them reads for all."""

    async def events(self, job_id: str, after: str | None = None) -> AsyncIterator[Event]:
        """Events after the id `after` (None: from the first), then new ones as they come, up to `completed`.

        Sits out an outage of up to 30 s. Raises JobNotFound, JobExpired, InvalidRequest for an `after`
        that is no event id, QueueUnavailable.
        """
        async with aclosing(self.beating_events(job_id, after)) as beating:
            async for event in beating:
                if event is not None:
                    yield event

    async def beating_events(
        self, job_id: str, after: str | None = None, beat_s: float = math.inf
    ) -> AsyncGenerator[Event | None, None]:
        """The same, and None whenever there was none for so long."""
        if after is not None and not _EVENT_ID.fullmatch(after):
            raise InvalidRequest("not the id of an event", param="Last-Event-ID")
        await self.get(job_id)
        async with self._tail(job_id) as tail, aclosing(tail.follow(after, beat_s=beat_s)) as events:
            async for event in events:
                yield event

    async def wait(self, job_id: str, timeout_s: float) -> Job:
        """The job once it is final, or as it stands after `timeout_s`. Raises JobNotFound, JobExpired."""
        until = asyncio.get_running_loop().time() + timeout_s
        job = await self.get(job_id)
        if job.terminal or timeout_s <= 0:
            return job
        # From the first event on: one that came between the look and the wait must not be missed.
        async with self._tail(job_id) as tail, aclosing(tail.follow(None, until)) as events:
            async for _ in events:
                pass
        return await self.get(job_id)

    @asynccontextmanager
    async def _tail(self, job_id: str) -> AsyncIterator[Tail]:
        """What others here follow already, or a new one that is read while somebody does."""
        tail = self._tails.get(job_id)
        if tail is None:
            tail = self._tails[job_id] = Tail()
            tail.reader = asyncio.create_task(self._read_on(job_id, tail))
        tail.followers += 1
        try:
            yield tail
        finally:
            tail.followers -= 1
            if not tail.followers:
                self._drop(job_id, tail)
                tail.reader.cancel()
                await asyncio.wait({tail.reader})

    def _drop(self, job_id: str, tail: Tail) -> None:
        """Whoever comes next has another one."""
        if self._tails.get(job_id) is tail:
            del self._tails[job_id]

    async def _read_on(self, job_id: str, tail: Tail) -> None:
        """Until the job's last event, or until nobody follows it any more and this is cancelled."""
        try:
            await self._read_all(job_id, tail)
            tail.end()
        except Exception as error:  # noqa: BLE001  whatever it is, it is told to those who wait
            self._drop(job_id, tail)
            tail.end(error)

    async def _read_all(self, job_id: str, tail: Tail) -> None:
        after, away_since = "0", None
        while True:
            try:
                over = await self._over(job_id)
                events = await self._read(job_id, after, 0.0 if over else BLOCK_S)
                away_since = None
            except QueueUnavailable:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > PATIENCE_S:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            if events:
                after = events[-1].id
                tail.add(events)
            if (events and events[-1].kind == "completed") or (over and len(events) < BATCH):
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
