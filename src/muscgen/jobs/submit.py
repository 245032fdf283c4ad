"""The clients' side that changes something: enqueue, cancel, delete."""

from __future__ import annotations

import time

from muscgen.errors import IdempotencyConflict, InternalError, NoWorker, QueueFull
from muscgen.jobs.base import WEEK_S, job_from, ms
from muscgen.jobs.connect import outages
from muscgen.jobs.job import Enqueued, Job
from muscgen.jobs.keys import Keys, guard_key, idempotency_hash, models_key, new_job_id, tag
from muscgen.jobs.limits import UNLIMITED, Limits
from muscgen.jobs.scripts import Reply
from muscgen.jobs.spending import Spending
from muscgen.request import SongRequest

NOTED_S = 1.0  # so long a model that was noted is taken to be noted still
CLASSES = {"interactive": 0, "normal": 1, "batch": 2}


class Submitting(Spending):
    """Enqueue, cancel, delete."""

    async def enqueue(
        self,
        request: SongRequest,
        *,
        job_id: str | None = None,
        idempotency_key: str | None = None,
        body_hash: str = "",
        tenant: str = "",
        work: str = "",
        limits: Limits = UNLIMITED,
        trace: str = "",
        log: str = "",
        revision: str = "",
    ) -> Enqueued:
        """Put a job in the queue of its model, once.

        The same `idempotency_key` and `body_hash` of a tenant find the earlier job (`created` False) for
        as long as it is kept. The same `job_id` does too. Jobs with the same `work` share what is made
        of it, while it is made and as long as the cache keeps it; '' is work of its own. `trace` is the
        W3C traceparent that its worker goes on from. Where the job gets another one's song, a line of it is
        owed to the audit log of that name (see `Owing`), with the model's revision; to none where it is ''.

        Raises QueueFull with `retry_after_s`, RateLimited, QuotaExceeded, IdempotencyConflict for one key
        with two bodies, DeadlineTooShort, NoWorker where a worker is required, QueueUnavailable.
        """
        keys = self._keys(request.model)
        digest = idempotency_hash(tenant, idempotency_key) if idempotency_key is not None else ""
        if digest:
            await self._guard(keys, digest)
        await self._note_model(request.model)
        job_id, fresh = job_id or new_job_id(request.model), job_id is None
        spent = not await self._known(keys, digest) and await self._spend(tenant, limits, request, job_id)
        reply = await self._run(
            "enqueue",
            keys,
            job_id,
            request.model,
            request.to_json(),
            CLASSES[request.delivery.priority],
            ms(request.delivery.deadline_s) if request.delivery.deadline_s else 0,
            ms(request.delivery.ttl_s),
            ms(self.tombstone_s),
            self.max_attempts,
            self.max_depth,
            int(self.require_worker),
            digest,
            body_hash,
            tenant,
            request.duration_s * request.n,
            work,
            limits.concurrency or 0,
            limits.queue_depth or 0,
            _hook(request),
            trace,
            log,
            revision,
        )
        if spent and (reply[0] != b"created" or reply[1].decode() != job_id):
            await self._refund(tenant, request, job_id)
        return await self._enqueued(request.model, reply, limits, fresh=fresh)

    async def _enqueued(self, model: str, reply: list[Reply], limits: Limits, *, fresh: bool) -> Enqueued:
        match reply:
            case [b"created" | b"known" | b"same" as how, found, snapshot]:
                # An id made for this very call is known only if the client lost the reply and sent it again.
                created = how == b"created" or (how == b"known" and fresh)
                return Enqueued(job_from(found.decode(), snapshot), created)
            case [b"conflict"]:
                raise _conflict()
            case [b"noworker"]:
                raise NoWorker(
                    f"no worker serves {model} now", param="model", retry_after_s=self.worker_ttl_s
                )
            case [b"crowded", waiting]:
                raise QueueFull(
                    f"{waiting} of your jobs already wait for {model}; your limit is {limits.queue_depth}",
                    retry_after_s=await self._retry_after_s(model),
                )
            case [b"full", depth]:
                raise QueueFull(
                    f"{depth} jobs already wait for {model}; the limit is {self.max_depth}",
                    retry_after_s=await self._retry_after_s(model),
                )
            case _:
                raise InternalError(f"enqueue answered {reply!r}")

    async def _retry_after_s(self, model: str) -> float:
        return min(max(1.0, await self.eta_s(model) or 60.0), 3_600.0)

    async def _known(self, keys: Keys, digest: str) -> bool:
        """Whether the idempotency key found a job before: that one is paid for."""
        with outages():
            return bool(digest) and bool(await self.redis.exists(keys.idempotency(digest)))

    async def promise(self, job_id: str, eta_s: float) -> None:
        """Note what the client of a job that waits was told, so that estimates can be judged."""
        await self._run("promise", self._keys_of(job_id), job_id, ms(eta_s))

    async def cancel(self, job_id: str) -> Job:
        """Cancel, once or again. A queued job ends now; a running one is flagged and its worker told.

        A cancel that is asked for while a job runs is kept: a song that is finished after it is dropped.
        Raises JobNotFound, JobExpired.
        """
        return job_from(job_id, await self._run("cancel", self._keys_of(job_id), job_id))

    async def delete(self, job_id: str) -> Job:
        """Remove the record now, taking the job from its worker if one has it; the job as it last was.

        After this `get` raises JobNotFound. Raises JobNotFound, JobExpired.
        """
        return job_from(job_id, await self._run("delete", self._keys_of(job_id), job_id))

    async def _guard(self, keys: Keys, digest: str) -> None:
        """See that the key was not used with another model: that is another body, but in another slot."""
        guard = guard_key(self.prefix, digest)
        with outages():
            other = await self.redis.set(guard, keys.tag, nx=True, get=True, ex=2 * WEEK_S)
            if other is None or other.decode() == keys.tag:
                return
            if await self.redis.exists(Keys(other.decode(), self.prefix).idempotency(digest)):
                raise _conflict()
            await self.redis.set(guard, keys.tag, ex=2 * WEEK_S)

    async def _note_model(self, model: str) -> None:
        if time.monotonic() - self._noted_at.get(model, -NOTED_S) < NOTED_S:
            return
        with outages():
            await self.redis.hset(models_key(self.prefix), tag(model), model)
        self._noted_at[model] = time.monotonic()


def _hook(request: SongRequest) -> str:
    """The kinds of event that the job's webhook wants; nothing without one."""
    webhook = request.delivery.webhook
    return ",".join(webhook.events) if webhook else ""


def _conflict() -> IdempotencyConflict:
    return IdempotencyConflict(
        "this Idempotency-Key was used with another body",
        param="Idempotency-Key",
        suggestion="take a new key for a new request",
    )
