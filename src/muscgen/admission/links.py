"""Signed addresses: a file for whoever has the address, without a key, until a time.

    signature = base64url(tag, mac)
    tag       the beginning of HMAC(key, "tenant", id, expires, tenant): whose right the address stands for
    mac       HMAC(key, "link", id, expires, tag)

So what was not signed here is known without a look at the store, an address names nobody, and it ends with
the right that it stands for: when no job or upload of that tenant owns the file any more, it is not found.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muscgen.errors import ConfigurationError, LinkRefused
from muscgen.settings.made import kept_secret

KEY_BYTES = 32
_TAG_BYTES, _MAC_BYTES = 8, 32
_EXPIRES = re.compile(r"[1-9][0-9]{0,10}")


@dataclass(frozen=True, slots=True)
class Link:
    """An address that was signed here and is not over. expires_at: Unix seconds."""

    artifact_id: str
    expires_at: int
    key: bytes
    tag: bytes

    def is_of(self, tenant: str) -> bool:
        return hmac.compare_digest(self.tag, _tag(self.key, self.artifact_id, self.expires_at, tenant))


class Links:
    """Signs with the first key, and believes all of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def sign(self, artifact_id: str, tenant: str, expires_at: int) -> str:
        """The query of the address."""
        key = self._keys[0]
        tag = _tag(key, artifact_id, expires_at, tenant)
        signature = tag + _mac(key, artifact_id, expires_at, tag)
        return f"expires={expires_at}&signature={base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def read(self, artifact_id: str, expires: str, signature: str, now: float) -> Link:
        """Raises LinkRefused for what was not signed here, or is over."""
        if not _EXPIRES.fullmatch(expires):
            raise _not_ours()
        expires_at, signed = int(expires), _decoded(signature)
        tag, mac = signed[:_TAG_BYTES], signed[_TAG_BYTES:]
        macs = [hmac.compare_digest(mac, _mac(key, artifact_id, expires_at, tag)) for key in self._keys]
        if not any(macs):
            raise _not_ours()
        if expires_at <= now:
            raise LinkRefused("this address is over", param="expires", suggestion="ask its owner for another")
        return Link(artifact_id, expires_at, self._keys[macs.index(True)], tag)


def links_of(keys: Sequence[str], file: Path) -> Links:
    """By the keys that the settings give, in hexadecimal digits, else the one in the file, which is made.

    Raises ConfigurationError.
    """
    words = tuple(keys) or tuple(kept_secret(file, _new, "link_keys").split())
    try:
        found = [bytes.fromhex(word) for word in words]
    except ValueError:
        found = []
    if not found or any(len(key) < KEY_BYTES for key in found):
        raise ConfigurationError(
            f"a key of signed addresses is at least {2 * KEY_BYTES} hexadecimal digits",
            param="link_keys",
            suggestion="openssl rand -hex 32",
        )
    return Links(found)


def _new() -> str:
    return f"{secrets.token_hex(KEY_BYTES)}\n"


def _tag(key: bytes, artifact_id: str, expires_at: int, tenant: str) -> bytes:
    return _digest(key, "tenant", artifact_id, str(expires_at), tenant)[:_TAG_BYTES]


def _mac(key: bytes, artifact_id: str, expires_at: int, tag: bytes) -> bytes:
    return _digest(key, "link", artifact_id, str(expires_at), tag.hex())


def _digest(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, "\n".join(parts).encode(), hashlib.sha256)


def _decoded(signature: str) -> bytes:
    """Of the one spelling that we write; else nothing, which no key has made."""
    try:
        found = base64.b64decode(signature + "=" * (-len(signature) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    spelt = base64.urlsafe_b64encode(found).decode().rstrip("=")
    return found if spelt == signature and len(found) == _TAG_BYTES + _MAC_BYTES else b""


def _not_ours() -> LinkRefused:
    return LinkRefused(
        "this address was not signed here, or was changed",
        param="signature",
        suggestion="POST /artifacts/{id}/sign makes one",
    )
