"""Consents, kept beside the queue so that every replica and worker knows at once of one that is revoked.

    <prefix>:{<id>}:consent   HASH: record, revoked       <prefix>:consents:<tenant>   ZSET: ids by time
    <prefix>:{<id>}:made      ZSET: what it was used for     <prefix>:behind:<sha256>     SET: ids, of a song

A use is written down in the same step that reads whether the consent still stands. So whatever was begun
before a revocation is among what the revocation lists, and nothing begins after it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from muscgen.errors import ConsentNotFound, QuotaExceeded
from muscgen.jobs.connect import outages
from muscgen.jobs.keys import PREFIX
from muscgen.jobs.scripts import Argument, Reply
from muscgen.jobs.surely import NOTHING, Surety, write
from muscgen.request import ConsentRecord

INLINE_KEPT_S = 90 * 86_400  # after its last use, for a consent that was only told in requests
MOST_RECORDS = 100_000  # of one tenant: about 100 MB
_PRUNED = 1_000
# The members are put among what was made, unless the consent is gone or revoked; how it stands.
_USE = """
local kept = redis.call('HMGET', KEYS[1], 'record', 'revoked')
if kept[1] and not kept[2] then
  for at = 2, #ARGV do redis.call('ZADD', KEYS[2], 'NX', ARGV[1], ARGV[at]) end
end
return kept
"""
_ALIKE = 64  # places of the same microsecond, at most

Place = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Revocation:
    """at: Unix seconds."""

    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A consent as it stands."""

    record: ConsentRecord
    revoked: Revocation | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A use: a job, or one of the files that came of it. at: Unix seconds."""

    at: float
    job: str
    artifact: str | None = None


class Consents:
    """Every method raises QueueUnavailable while Redis does not answer, and those that write where it cannot
    be as sure as `surety` wants; what they wrote may stand then, and they may be called again.
    """

    def __init__(self, client: Reply, prefix: str = PREFIX, surety: Surety = NOTHING) -> None:
        self._redis, self._prefix, self._surety = client, prefix, surety

    async def put(self, record: ConsentRecord) -> Held:
        """Keep a consent; one with its id that is there already stays as it is.

        Raises QuotaExceeded where a tenant has too many.
        """
        key, index = self._record(record.id), self._index(record.tenant)
        await self._check_room(index)
        await self._write(key, "HSETNX", key, "record", record.canonical())
        await self._write(index, "ZADD", index, "NX", time.time(), record.id)
        if record.inline:
            await self._prolong(record.id)
        return await self.get(record.id)

    async def get(self, consent_id: str, tenant: str | None = None) -> Held:
        """Raises ConsentNotFound, for another tenant's too; tenant None sees all."""
        with outages():
            kept = await self._redis.hmget(self._record(consent_id), "record", "revoked")
        held = _held(kept)
        if held is None or tenant not in (None, held.record.tenant):
            raise ConsentNotFound(f"there is no consent {consent_id[:60]!r}", param="id")
        return held

    async def of(
        self, tenant: str, limit: int = 50, before: Place | None = None
    ) -> tuple[list[Held], Place | None]:
        """A tenant's consents, the newest first, and where to go on."""
        most = before[0] if before else "+inf"
        with outages():
            rows = await self._redis.zrevrangebyscore(
                self._index(tenant), most, "-inf", 0, limit + _ALIKE, withscores=True
            )
            places = [(at, member.decode()) for member, at in rows]
            page = [place for place in places if before is None or place < before][:limit]
            kept = [await self._redis.hmget(self._record(name), "record", "revoked") for _, name in page]
        found = [held for held in map(_held, kept) if held is not None]
        return found, page[-1] if len(page) == limit else None

    async def revoke(self, consent_id: str, tenant: str | None = None, reason: str = "") -> Held:
        """Take a consent back for good, once or again. Raises ConsentNotFound."""
        await self.get(consent_id, tenant)
        key, made = self._record(consent_id), self._made(consent_id)
        revoked = json.dumps({"at": round(time.time(), 3), "reason": reason})
        await self._write(
            key, "HSETNX", key, "revoked", revoked
        )  # the first stands; whoever asks is sure of it
        # A statement that was taken back is not forgotten, lest it be told again.
        await self._write(key, "PERSIST", key)
        await self._write(made, "PERSIST", made)
        return await self.get(consent_id, tenant)

    async def use(self, consent_id: str, job_id: str, artifacts: Sequence[str] = ()) -> Held | None:
        """Write down a job, or files that it made; the consent as it stands in that moment.

        Where it is revoked, or gone (None), nothing is written.
        """
        members = [f"{job_id} {artifact}" for artifact in artifacts] or [job_id]
        for artifact in artifacts:  # first, so that no song is ever without what is behind it
            await self._write(self._behind(artifact), "SADD", self._behind(artifact), consent_id)
        keys = (self._record(consent_id), self._made(consent_id))
        kept = await self._write(keys[0], "EVAL", _USE, len(keys), *keys, time.time(), *members)
        held = _held(kept)
        if held is not None and held.record.inline and held.revoked is None:
            await self._prolong(consent_id)
        return held

    async def behind(self, artifact: str) -> list[Held]:
        """The consents, of whomever, that a song was made with; none for another file."""
        with outages():
            ids = sorted(await self._redis.smembers(self._behind(artifact)))
            kept = [await self._redis.hmget(self._record(name.decode()), "record", "revoked") for name in ids]
        return [held for held in map(_held, kept) if held is not None]

    async def unuse(self, consent_id: str, members: Sequence[str]) -> None:
        """Strike what was not begun after all."""
        with outages():
            await self._redis.zrem(self._made(consent_id), *members)

    async def made(
        self, consent_id: str, limit: int = 50, after: Place | None = None
    ) -> tuple[list[Made], Place | None]:
        """What it was used for, the oldest first, and where to go on."""
        least = after[0] if after else "-inf"
        with outages():
            rows = await self._redis.zrangebyscore(
                self._made(consent_id), least, "+inf", 0, limit + _ALIKE, withscores=True
            )
        places = [(at, member.decode()) for member, at in rows]
        page = [place for place in places if after is None or place > after][:limit]
        return [_use(member, at) for at, member in page], page[-1] if len(page) == limit else None

    async def _write(self, key: str, *command: Argument) -> Reply:
        return await write(self._redis, key, command, self._surety)

    async def _prolong(self, consent_id: str) -> None:
        with outages():
            if await self._redis.hexists(self._record(consent_id), "revoked"):
                return
            await self._redis.expire(self._record(consent_id), INLINE_KEPT_S)
            await self._redis.expire(self._made(consent_id), INLINE_KEPT_S)

    async def _check_room(self, index: str) -> None:
        with outages():
            if await self._redis.zcard(index) < MOST_RECORDS:
                return
            names = await self._redis.zrange(index, 0, _PRUNED)
            async with self._redis.pipeline(transaction=False) as steps:
                for name in names:
                    steps.exists(self._record(name.decode()))
                there = await steps.execute()
            if gone := [name for name, exists in zip(names, there, strict=True) if not exists]:
                await self._redis.zrem(index, *gone)
                return
        raise QuotaExceeded(
            f"{MOST_RECORDS:,} consents are kept for you, which is the most",
            param="rights.input_audio_consent",
            suggestion="one record of POST /consents that covers many sounds, named by its id",
        )

    def _record(self, consent_id: str) -> str:
        return f"{self._prefix}:{{{consent_id}}}:consent"

    def _made(self, consent_id: str) -> str:
        return f"{self._prefix}:{{{consent_id}}}:made"

    def _behind(self, artifact: str) -> str:
        return f"{self._prefix}:behind:{artifact}"

    def _index(self, tenant: str) -> str:
        return f"{self._prefix}:consents:{tenant}"


def now() -> datetime:
    """To the second, as records have it."""
    return datetime.now(UTC).replace(microsecond=0)


def _held(kept: Sequence[bytes | None]) -> Held | None:
    record, revoked = kept
    if record is None:
        return None
    taken_back = None if revoked is None else Revocation(**json.loads(revoked))
    return Held(ConsentRecord.model_validate_json(record), taken_back)


def _use(member: str, at: float) -> Made:
    job, _, artifact = member.partition(" ")
    return Made(at, job, artifact or None)
