"""The queue: one object for clients, workers and the sweeper."""

from __future__ import annotations

import json

from pydantic import ValidationError

from muscgen.errors import InternalError, JobNotFound
from muscgen.jobs.admin import Administering
from muscgen.jobs.connect import outages
from muscgen.jobs.job import DeadLetter, Enqueued
from muscgen.jobs.keys import Keys
from muscgen.jobs.outbox import Posting
from muscgen.jobs.owed import Owing
from muscgen.jobs.sound import Sounding
from muscgen.jobs.stock import Stocking
from muscgen.jobs.tasks import Tasking
from muscgen.request import SongRequest


class Queue(Administering, Sounding, Posting, Owing, Stocking, Tasking):
    """Jobs in Redis; every change of state is one Lua script, and the server's clock is the only one.

    `Queue(client, *, lease_s=30, max_attempts=3, max_depth=1000, require_worker=False, ageing_s=600,
    backoff_cap_s=60, worker_ttl_s=20, tombstone_s=7 days, cache_s=1 day,
    cache_bytes=2 GB, surety=Surety(), prefix="muscgen")`; the client is one of `connect`.
    Processes that share a queue share these numbers.

    Every method raises QueueUnavailable while Redis does not answer.
    """

    async def sweep(self) -> int:
        """Bring back what lost its lease or whose retry is due, end what is past its deadline, age, tidy.

        How many jobs moved. Each claim does the same for its model; this is for models without workers.
        """
        moved = 0
        for tag in await self._models():
            moved += int(await self._run("sweep", Keys(tag, self.prefix), *self._upkeep()))
        return moved

    async def dead_letters(self, model: str) -> list[DeadLetter]:
        """Jobs of the last 7 days that used up their attempts, oldest first."""
        keys = self._keys(model)
        with outages():
            ids = [job_id.decode() for job_id in await self.redis.zrange(keys.dead, 0, -1)]
            records = [await self.redis.hgetall(keys.letter(job_id)) for job_id in ids]
        return [_letter(job_id, record) for job_id, record in zip(ids, records, strict=True) if record]

    async def revive(self, job_id: str) -> Enqueued:
        """Enqueue a dead letter's request as a new job; the letter goes. Raises JobNotFound, QueueFull.

        InternalError where a newer version wrote it.
        """
        keys = self._keys_of(job_id)
        with outages():
            record = await self.redis.hgetall(keys.letter(job_id))
        if not record:
            raise JobNotFound(f"there is no dead letter {job_id}")
        try:
            request = SongRequest.from_json(record[b"request"])
        except ValidationError:
            raise InternalError(f"the request of {job_id} cannot be read by this version") from None
        enqueued = await self.enqueue(
            request,
            tenant=record[b"tenant"].decode(),
            idempotency_key=f"requeue {job_id}",  # no client's key has a space; asked again, it is one job
            body_hash=job_id,
        )
        with outages():
            await self.redis.zrem(keys.dead, job_id)
            await self.redis.delete(keys.letter(job_id))
        return enqueued

    async def close(self) -> None:
        """Give the connections back."""
        await self.redis.aclose()


def _letter(job_id: str, record: dict[bytes, bytes]) -> DeadLetter:
    return DeadLetter(
        job_id=job_id,
        request=SongRequest.as_far_as_known(record[b"request"].decode()),
        error=json.loads(record[b"error"]),
        attempts=int(record[b"attempts"]),
        died_at=int(record[b"died"]) / 1000,
    )
