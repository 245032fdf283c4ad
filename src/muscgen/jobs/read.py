"""The readers' side: jobs, lists of them, depth, workers, how long it will take."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from typing import Any

from muscgen.errors import InternalError, InvalidRequest, JobExpired, JobNotFound
from muscgen.jobs.base import QueueBase, job_from
from muscgen.jobs.connect import outages
from muscgen.jobs.job import Job, LiveWorker, Page
from muscgen.jobs.keys import Keys
from muscgen.jobs.outlook import Outlook
from muscgen.jobs.scripts import Reply
from muscgen.jobs.states import State

MAX_PAGE = 200

Place = tuple[int, str]  # created in ms, job id: newest first is descending
Places = list[Place]  # named here, for `list` is a method below
Jobs = list[Job]
Workers = list[LiveWorker]


class Reading(QueueBase):
    """Look, and change nothing."""

    async def get(self, job_id: str) -> Job:
        """Raises JobNotFound, JobExpired once the record's time to live is over, QueueUnavailable."""
        keys = self._keys_of(job_id)
        return job_from(job_id, (await self._run("read", keys, job_id))[0])

    async def list(
        self,
        *,
        state: State | str | None = None,
        model: str | None = None,
        tenant: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Jobs, newest first. Raises InvalidRequest for a cursor that this queue did not give."""
        limit = min(max(limit, 1), MAX_PAGE)
        tags = [self._keys(model).tag] if model is not None else sorted(await self._models())
        before = _place(cursor) if cursor else None
        found: Jobs = []
        while True:
            places = sorted(
                [place for tag in tags for place in await self._places(tag, before, limit + 1)], reverse=True
            )[: limit + 1]
            jobs = await self._jobs(job_id for _, job_id in places)
            found += [job for job in jobs if state in (None, job.state) and tenant in (None, job.tenant)]
            if len(found) > limit:
                last = found[limit - 1]
                return Page(found[:limit], _cursor((round(last.created_at * 1000), last.id)))
            if len(places) <= limit:
                return Page(found, None)
            before = places[-1]

    async def holder(self, owner: str) -> str | None:
        """The tenant whose jobs, or whose cache, still point to what this job made; None: nobody's do."""
        with outages():
            users = await self.redis.zrange(self._keys_of(owner).uses(owner), -1, -1)
        return users[0].decode().rpartition(" ")[0] if users else None

    async def cached(self, model: str, work: str) -> dict[str, Any] | None:
        """The kept result of equal work."""
        with outages():
            result = await self.redis.hget(self._keys(model).cached(work), "result")
        return None if result is None else json.loads(result)

    async def forget(self, model: str, work: str) -> None:
        """Strike a kept result: its files are gone."""
        await self._run("forget", self._keys(model), work)

    async def depth(self, model: str) -> int:
        """How many jobs wait, those waiting for a retry included."""
        keys = self._keys(model)
        with outages():
            return int(await self.redis.zcard(keys.queue)) + int(await self.redis.zcard(keys.delayed))

    async def running(self, model: str) -> int:
        """How many jobs are leased to workers."""
        with outages():
            return int(await self.redis.zcard(self._keys(model).leases))

    async def workers(self, model: str) -> Workers:
        """The workers of a model that were heard of within `worker_ttl_s`."""
        keys = self._keys(model)
        with outages():
            names = await self.redis.zrange(keys.workers, 0, -1)
            if not names:
                return []
            records = await self.redis.mget([keys.worker(name.decode()) for name in names])
        return [LiveWorker.read(record) for record in records if record is not None]

    async def outlook(self, model: str) -> Outlook:
        """What a job of the model may expect, in one look."""
        return Outlook.read(await self._run("outlook", self._keys(model)))

    async def eta_s(self, model: str, *, position: int | None = None) -> float | None:
        """As `Outlook.eta_s`."""
        return (await self.outlook(model)).eta_s(position)

    async def _jobs(self, job_ids: Iterable[str]) -> Jobs:
        """Those jobs that still exist, in the given order."""
        by_tag: dict[Keys, list[str]] = {}
        order = list(job_ids)
        for job_id in order:
            by_tag.setdefault(self._keys_of(job_id), []).append(job_id)
        found: dict[str, Job] = {}
        for keys, ids in by_tag.items():
            for job_id, reply in zip(ids, await self._run("read", keys, *ids), strict=True):
                if (job := _existing(job_id, reply)) is not None:
                    found[job_id] = job
        return [found[job_id] for job_id in order if job_id in found]

    async def _places(self, tag: str, before: Place | None, count: int) -> Places:
        """The newest `count` places of one model that come after `before` in the list."""
        newest = str(before[0]) if before else "+inf"
        places: Places = []
        start = 0
        while len(places) < count:
            with outages():
                rows = await self.redis.zrevrangebyscore(
                    Keys(tag, self.prefix).index, newest, "-inf", start, count, withscores=True
                )
            page = [(int(score), member.decode()) for member, score in rows]
            places += [place for place in page if before is None or place < before]
            start += len(page)
            if len(page) < count:
                break
        return places[:count]


def _existing(job_id: str, reply: Sequence[Reply]) -> Job | None:
    try:
        return job_from(job_id, reply)
    except (JobNotFound, JobExpired, InternalError):
        return None


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place[0]} {place[1]}".encode()).decode().rstrip("=")


def _place(cursor: str) -> Place:
    try:
        created, job_id = (
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(" ")
        )
        return int(created), job_id
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest("this cursor was not given by this service", param="cursor") from error
