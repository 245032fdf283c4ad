"""Who asks: API keys, of which nothing but a digest goes further than this file."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from muscgen.errors import Unauthorized

_ID_CHARS = 16


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks. `id` is the beginning of the key's SHA-256, or empty where the service is open."""

    id: str


ANYONE = Principal("")


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
