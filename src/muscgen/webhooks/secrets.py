"""What calls are signed with, after Standard Webhooks: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets as dice
from dataclasses import dataclass
from pathlib import Path

from muscgen.errors import ConfigurationError
from muscgen.settings.made import kept_secret

PREFIX = "whsec_"
_BYTES = 32
_LEAST_BYTES, _MOST_BYTES = 24, 64  # Standard Webhooks


@dataclass(frozen=True, slots=True)
class Secrets:
    """One secret, or several while receivers change from one to the next: all of them sign."""

    words: tuple[str, ...]

    def of(self, tenant: str) -> Secrets:
        """A tenant's own, which follow from these: no tenant can sign what another's receiver believes.

        Without a name they are these.
        """
        if not tenant:
            return self
        purpose = b"muscgen webhooks of " + tenant.encode()
        keys = (hmac.digest(_key(word), purpose, hashlib.sha256) for word in self.words)
        return Secrets(tuple(_word(key) for key in keys))

    def signature(self, message_id: str, timestamp: int, body: bytes) -> str:
        """The value of `webhook-signature`."""
        content = f"{message_id}.{timestamp}.".encode() + body
        digests = (hmac.digest(_key(word), content, hashlib.sha256) for word in self.words)
        return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def secrets_of(words: tuple[str, ...], file: Path) -> Secrets:
    """The secrets that the settings give, else those in the file, one a line.

    A file that is not there is made, with one secret, readable by its owner alone. Raises ConfigurationError.
    """
    found = words or tuple(kept_secret(file, _new, "webhook_secrets").split())
    if not found:
        raise ConfigurationError(f"{file} is empty", param="webhook_secrets")
    for word in found:
        _key(word)
    return Secrets(found)


def _new() -> str:
    return f"{_word(dice.token_bytes(_BYTES))}\n"


def _word(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def _key(word: str) -> bytes:
    try:
        key = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not word.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ConfigurationError(
            f"a webhook secret is {PREFIX} and base64 of {_LEAST_BYTES} to {_MOST_BYTES} bytes",
            param="webhook_secrets",
            suggestion=f'echo "{PREFIX}$(head -c {_BYTES} /dev/urandom | base64 -w0)"',
        )
    return key
