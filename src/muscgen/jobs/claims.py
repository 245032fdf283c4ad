"""The workers' side: claim, report, and one of four ways to let go."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from muscgen import telemetry
from muscgen.errors import InternalError, LeaseLost
from muscgen.jobs.base import QueueBase, ms
from muscgen.jobs.connect import outages
from muscgen.jobs.job import WORKER_KINDS, Claim, Holding, Lease, Wishes, seconds
from muscgen.jobs.keys import Keys, models_key
from muscgen.jobs.scripts import Argument, Reply
from muscgen.jobs.states import State
from muscgen.request import SongRequest

TOKEN_BITS = 52  # a number of Lua's holds 53
WAKE_LIMIT_S = 1.0  # a lost token costs no more
DECLINE_PAUSE_S = 2.0  # for another worker to come first
DECLINE_PATIENCE_S = 900.0  # an upgrade of all workers, each of which drains


class Claiming(QueueBase):
    """What takes a claim raises LeaseLost, and changes nothing, when the job is no longer the claim's."""

    async def claim(
        self, models: Sequence[str], worker: str, limit: int, *, audio_s_per_s: float | None = None
    ) -> list[Claim]:
        """Lease up to `limit` jobs, the models in the given order. Not blocking; see `wait_for_work`.

        audio_s_per_s: what this worker measured; a job that would be late even at twice that expires.
        """
        claims: list[Claim] = []
        for model in models:
            if len(claims) >= limit:
                break
            keys = self._keys(model)
            most, speed, token = limit - len(claims), audio_s_per_s or 0, secrets.randbits(TOKEN_BITS)
            rows = await self._run("claim", keys, *self._upkeep(), worker, most, speed, token)
            claims += [claim for row in rows if (claim := await self._claimed(keys, worker, row)) is not None]
        return claims

    async def wait_for_work(self, models: Sequence[str], timeout_s: float) -> bool:
        """Sleep until there may be something to claim: at most `timeout_s` and never over 1 s.

        False if nothing woke it; claim all the same, since retries and lost leases come back without a token.
        """
        timeout_s = min(max(timeout_s, 0.01), WAKE_LIMIT_S)  # 0 would be for ever
        with outages():
            return bool(await self.redis.pop_any([self._keys(model).wake for model in models], timeout_s))

    async def renew(self, claims: Sequence[Claim]) -> dict[str, Lease]:
        """Extend leases by `lease_s`; how each stands, by job id. A LeaseKeeper does it in a thread."""
        standing: dict[str, Lease] = {}
        for model in {claim.model for claim in claims}:
            mine = [claim for claim in claims if claim.model == model]
            reply = await self._run("renew", self._keys(model), *renewal(mine, self.lease_s))
            standing |= {claim.job_id: Lease(code) for claim, code in zip(mine, reply, strict=True)}
        return standing

    async def report(self, claim: Claim, progress: Mapping[str, Any]) -> Wishes:
        """Store and tell the progress; what is wanted of the job meanwhile."""
        stop, heard = await self._mine("report", claim, json.dumps(progress))
        return Wishes(bool(stop), outputs(heard))

    async def emit(self, claim: Claim, kind: str, payload: Mapping[str, Any]) -> None:
        """Tell listeners something. Raises ValueError for a kind that is not a worker's to tell."""
        if kind not in WORKER_KINDS:
            raise ValueError(f"kind is {kind!r}; a worker tells {', '.join(sorted(WORKER_KINDS))}")
        await self._mine("emit", claim, kind, json.dumps(payload))

    async def finish(
        self, claim: Claim, result: Mapping[str, Any], *, maker: str = "", size_bytes: int = 0
    ) -> State:
        """The song is made: succeeded, unless a cancel (cancelled) or the deadline (expired) came first.

        Only with SUCCEEDED is the result kept, for equal jobs too: `maker` names what its bits follow from
        beside the request, `size_bytes` what its files take. Again with the same claim: the same answer.
        """
        bounds = (ms(self.cache_s), self.cache_bytes)
        reply = await self._mine("finish", claim, json.dumps(result), maker, size_bytes, *bounds)
        return State(reply.decode())

    async def fail(self, claim: Claim, error: Mapping[str, Any], *, retry: bool) -> State:
        """`error` is MuscgenError.to_dict(). QUEUED: another try after min(60, 2^attempt) s and some jitter.

        Otherwise FAILED with `error` (as a dead letter if the attempts are used up), CANCELLED or EXPIRED.
        """
        cap = ms(self.backoff_cap_s)
        return State((await self._mine("fail", claim, json.dumps(error), int(retry), cap)).decode())

    async def hand_back(self, claim: Claim) -> State:
        """Let another worker have the job, at once and uncharged: a drain, not a failure."""
        return State((await self._mine("hand_back", claim)).decode())

    async def confirm_cancel(self, claim: Claim) -> State:
        """The work has stopped as asked: EXPIRED if the deadline was the reason, else CANCELLED."""
        return State((await self._mine("confirm_cancel", claim)).decode())

    async def save_codes(self, claim: Claim, codes: Mapping[int, bytes]) -> None:
        """Keep what is made of these outputs so far, for whoever takes over; it goes when the job ends."""
        if codes:
            await self._mine("save_codes", claim, *(part for pair in codes.items() for part in pair))

    async def load_codes(self, job_id: str) -> dict[int, bytes]:
        """Output -> the codes saved last; empty if there are none."""
        with outages():
            saved: dict[bytes, bytes] = await self.redis.hgetall(self._keys_of(job_id).codes(job_id))
        return {int(output): codes for output, codes in saved.items()}

    async def heartbeat(
        self,
        worker: str,
        models: Sequence[str],
        *,
        slots: int,
        free: int,
        audio_s_per_s: float | None = None,
        makers: Mapping[str, str] | None = None,
        holds: Holding = "loaded",
    ) -> None:
        """Say that a worker serves these models; to be said again well within `worker_ttl_s`.

        holds: as LiveWorker has it. makers: model -> the maker of its songs, as `finish` gets it.
        """
        record: dict[str, Any] = {"id": worker, "slots": slots, "free": free, "audio_s_per_s": audio_s_per_s}
        record["holds"] = holds
        for model in models:
            keys = self._keys(model)
            text = json.dumps(record | {"model": model})
            with outages():
                await self.redis.hset(models_key(self.prefix), keys.tag, model)
            await self._run(
                "heartbeat", keys, worker, text, ms(self.worker_ttl_s), (makers or {}).get(model, "")
            )

    async def goodbye(self, worker: str, models: Sequence[str]) -> None:
        """Strike a worker off, as it leaves."""
        for model in models:
            keys = self._keys(model)
            with outages():
                await self.redis.zrem(keys.workers, worker)
                await self.redis.delete(keys.worker(worker))

    async def _claimed(self, keys: Keys, worker: str, row: Sequence[Any]) -> Claim | None:
        """The claim; None for a request that this version cannot read: a newer worker is to have that job."""
        try:
            return _claim(worker, row)
        except ValidationError:
            job_id, token = row[0].decode(), row[1]
            telemetry.warning("job.unreadable", job=job_id)
            error = InternalError(
                "no worker that came could read the request: it is of a newer version"
            ).to_dict()
            limits = (ms(DECLINE_PAUSE_S), ms(DECLINE_PATIENCE_S))
            await self._run("decline", keys, job_id, token, json.dumps(error), *limits)
            return None

    def _upkeep(self) -> tuple[Argument, ...]:
        """The arguments of upkeep(), which `claim` and `sweep` begin with."""
        return (ms(self.lease_s), ms(self.ageing_s))

    async def _mine(self, script: str, claim: Claim, *arguments: Argument) -> Reply:
        reply = await self._run(script, self._keys_of(claim.job_id), claim.job_id, claim.token, *arguments)
        if reply == b"lost":
            raise LeaseLost(f"job {claim.job_id} is no longer leased to {claim.worker}")
        return reply


def outputs(listed: bytes) -> frozenset[int]:
    """Those of a list that Redis keeps: 0,2."""
    return frozenset(int(output) for output in listed.split(b",") if output)


def renewal(claims: Sequence[Claim], lease_s: float) -> list[Argument]:
    """The arguments of renew.lua for claims of one model; it answers a Lease code for each."""
    return [ms(lease_s), *(part for claim in claims for part in (claim.job_id, claim.token))]


def _claim(worker: str, row: Sequence[Any]) -> Claim:
    job_id, token, request, attempt, created, claimed, deadline, tenant, trace, promised = row
    return Claim(
        job_id=job_id.decode(),
        token=token,
        request=SongRequest.from_json(request),
        attempt=attempt,
        created_at=int(created) / 1000,
        claimed_at=int(claimed) / 1000,
        deadline_at=seconds(deadline.decode()),
        worker=worker,
        tenant=tenant.decode(),
        trace=trace.decode(),
        promised_at=seconds(promised.decode()),
    )
