"""API keys: who may ask for what, kept in Redis without the keys themselves."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from muscgen.errors import InvalidRequest, NotFound
from muscgen.jobs.connect import outages
from muscgen.jobs.keys import PREFIX
from muscgen.jobs.limits import UNLIMITED, Limits
from muscgen.jobs.scripts import Reply
from muscgen.jobs.surely import NOTHING, Surety, write

Scope = Literal["generate", "read", "verify", "admin"]
SCOPES: frozenset[str] = frozenset(get_args(Scope))
USUAL: frozenset[str] = SCOPES - {"admin"}
MARK = "mk_"  # so that scanners for leaked secrets know one
MAX_NAME_CHARS = 64
NOBODY = "anyone"  # whose uploads are called so where the service is open
_TENANT = re.compile(rf"[a-zA-Z0-9._-]{{1,{MAX_NAME_CHARS}}}")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key. Times are Unix seconds."""

    id: str
    tenant: str
    scopes: frozenset[str]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    note: str = ""
    limits: Limits = UNLIMITED

    def works(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def to_dict(self) -> dict[str, object]:
        return asdict(self) | {"scopes": sorted(self.scopes), "limits": self.limits.to_dict()}

    @classmethod
    def from_json(cls, text: bytes) -> ApiKey:
        fields = json.loads(text)
        return cls(
            **fields | {"scopes": frozenset(fields["scopes"]), "limits": Limits.from_dict(fields["limits"])}
        )


class ApiKeys:
    """The keys of a deployment: `<prefix>:apikeys` has the records by id, `<prefix>:apikey:<sha256>` the ids.

    Every method raises QueueUnavailable while Redis does not answer, and those that write where it cannot be
    as sure as `surety` wants; what they wrote may stand then, and they may be called again.
    """

    def __init__(self, client: Reply, prefix: str = PREFIX, surety: Surety = NOTHING) -> None:
        self._redis, self._surety = client, surety
        self._records = f"{prefix}:apikeys"
        self._digests = f"{prefix}:apikey:"

    async def create(
        self,
        tenant: str,
        *,
        scopes: Iterable[str] = USUAL,
        limits: Limits = UNLIMITED,
        expires_at: float | None = None,
        note: str = "",
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which nobody can read again. Raises InvalidRequest."""
        wanted = frozenset(scopes)
        _check(tenant, wanted)
        key = ApiKey(secrets.token_hex(6), tenant, wanted, time.time(), expires_at, None, note[:200], limits)
        text = f"{MARK}{key.id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        await self._keep(key)
        known_by = self._digests + digest(text)
        await write(self._redis, known_by, ("SET", known_by, key.id), self._surety)
        return key, text

    async def find(self, text_digest: str) -> ApiKey | None:
        """The key with this digest, whether it still works or not."""
        with outages():
            key_id = await self._redis.get(self._digests + text_digest)
            record = None if key_id is None else await self._redis.hget(self._records, key_id)
        return None if record is None else ApiKey.from_json(record)

    async def any(self) -> bool:
        """Whether a key was ever made: from then on the service is not open."""
        with outages():
            return bool(await self._redis.hlen(self._records))

    async def list(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        with outages():
            records = await self._redis.hvals(self._records)
        return sorted(map(ApiKey.from_json, records), key=lambda key: (key.created_at, key.id))

    async def revoke(self, key_id: str) -> ApiKey:
        """Close a key for good; once or again. Raises NotFound."""
        with outages():
            record = await self._redis.hget(self._records, key_id)
        if record is None:
            raise NotFound(f"there is no API key {key_id[:40]!r}", param="id")
        key = ApiKey.from_json(record)
        if key.revoked_at is None:
            key = replace(key, revoked_at=time.time())
        await self._keep(key)  # once more where it is closed: what it was told by may have been lost
        return key

    async def _keep(self, key: ApiKey) -> None:
        record = ("HSET", self._records, key.id, json.dumps(key.to_dict()))
        await write(self._redis, self._records, record, self._surety)


def digest(text: str) -> str:
    """What a key is known by: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _check(tenant: str, scopes: frozenset[str]) -> None:
    if not _TENANT.fullmatch(tenant) or tenant == NOBODY:
        raise InvalidRequest(
            f"a tenant is 1 to {MAX_NAME_CHARS} of a-z, A-Z, 0-9, '-', '_' and '.', and not {NOBODY!r}",
            param="tenant",
        )
    if not scopes or scopes - SCOPES:
        raise InvalidRequest(
            f"unknown scopes: {', '.join(sorted(scopes - SCOPES)) or 'none is given'}",
            param="scopes",
            suggestion=", ".join(sorted(SCOPES)),
        )
