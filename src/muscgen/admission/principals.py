"""Who asks: API keys, of which nothing but a digest goes further than this file."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from muscgen.errors import Forbidden, QueueUnavailable, Unauthorized
from muscgen.jobs.apikeys import USUAL, ApiKey, ApiKeys
from muscgen.jobs.job import Job
from muscgen.jobs.limits import UNLIMITED, Limits

REMEMBERED_S = 5.0  # a key that is revoked opens nothing after this
MOST_REMEMBERED = 10_000
_ID_CHARS = 16


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks. `id` is the tenant; of a key from the settings, the beginning of its SHA-256; empty where
    the service is open, and then everything is visible."""

    id: str
    scopes: frozenset[str] = USUAL
    limits: Limits = UNLIMITED

    def sees(self, job: Job) -> bool:
        """Whether the job is the principal's own."""
        return not self.id or job.tenant == self.id

    def need(self, scope: str) -> None:
        """Raises Forbidden, naming the scope."""
        if scope not in self.scopes:
            raise Forbidden(
                f"this needs the scope {scope}",
                param="Authorization",
                suggestion="a key with that scope: muscgen apikeys create --scopes ...",
            )


ANYONE = Principal("")


class Keyring:
    """The keys of the settings and those in Redis. What Redis said is believed for REMEMBERED_S."""

    def __init__(
        self, static: Sequence[str], stored: ApiKeys, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._static = static
        self._stored = stored
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKey | None]] = {}
        self._closed: tuple[float, bool] = (-REMEMBERED_S, False)

    async def authenticate(self, header: str | None) -> Principal:
        """The principal behind an `Authorization` header; anyone where no key was ever made.

        Raises Unauthorized for a header that is missing, of another scheme, or with a key that nobody was
        given or that works no longer; QueueUnavailable where Redis would know.
        """
        if self._static and header is not None:
            try:
                return authenticate(header, self._static)
            except Unauthorized:
                pass  # it may be one of the stored
        if not self._static and not await self._is_closed():
            return ANYONE
        found = await self._find(_digest(_bearer(header)))
        if found is None or not found.works(time.time()):
            raise Unauthorized("this API key is not known, or works no longer", param="Authorization")
        return Principal(found.tenant, found.scopes, found.limits)

    async def _is_closed(self) -> bool:
        asked, closed = self._closed
        if not closed and self._clock() - asked >= REMEMBERED_S:
            try:
                self._closed = (self._clock(), await self._stored.any())
            except QueueUnavailable:
                if asked < 0:  # never heard: it may be closed
                    raise
        return self._closed[1]

    async def _find(self, digest: str) -> ApiKey | None:
        asked, found = self._known.get(digest, (-REMEMBERED_S, None))
        if self._clock() - asked >= REMEMBERED_S:
            found = await self._stored.find(digest)
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            if found is not None:
                self._known[digest] = (self._clock(), found)
        return found


def authenticate(header: str | None, keys: Sequence[str]) -> Principal:
    """The principal behind an `Authorization` header; anyone where no keys are configured.

    Raises Unauthorized for a header that is missing, of another scheme, or with a key that nobody was given.
    Every key is compared, each in constant time, so that the answer's time tells nothing.
    """
    if not keys:
        return ANYONE
    given = _digest(_bearer(header))
    matches = [hmac.compare_digest(given, _digest(key.encode())) for key in keys]
    if not any(matches):
        raise Unauthorized("this API key is not known", param="Authorization")
    return Principal(given[:_ID_CHARS])


def _bearer(header: str | None) -> bytes:
    scheme, _, key = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized(
            "an API key is needed", param="Authorization", suggestion="send Authorization: Bearer <key>"
        )
    return key.strip().encode("latin-1", "replace")  # what ASGI decoded header bytes with


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
