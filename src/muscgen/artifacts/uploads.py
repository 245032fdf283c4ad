"""The owners of what clients bring. A job owns under its own id; an upload under a name that says all of it.

    upload_<tenant, or anyone>_<ULID>      the ULID's time is when the upload expires

So whoever sweeps a store knows how long an upload lives without asking anybody.
"""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_TIME_DIGITS, _RANDOM_DIGITS = 10, 16
_OWNER = re.compile(rf"upload_(.*)_([{_ALPHABET}]{{{_TIME_DIGITS}}})[{_ALPHABET}]{{{_RANDOM_DIGITS}}}")
_ANYONE = "anyone"


def upload_owner(tenant: str, expires_at: float) -> str:
    """A new owner's name. tenant: empty where the service is open. expires_at: Unix seconds."""
    number = _digits(round(expires_at * 1000), _TIME_DIGITS) + _digits(
        secrets.randbits(5 * _RANDOM_DIGITS), _RANDOM_DIGITS
    )
    return f"upload_{tenant or _ANYONE}_{number}"


def is_upload(owner: str) -> bool:
    return _OWNER.fullmatch(owner) is not None


def is_upload_of(owner: str, tenant: str) -> bool:
    match = _OWNER.fullmatch(owner)
    return match is not None and match[1] == (tenant or _ANYONE)


def uploader(owner: str) -> str:
    """The tenant; empty where the service was open. Raises ValueError for another owner's name."""
    match = _OWNER.fullmatch(owner)
    if match is None:
        raise ValueError(f"{owner!r} is no upload")
    return "" if match[1] == _ANYONE else match[1]


def upload_expires_at(owner: str) -> float:
    """Unix seconds. Raises ValueError for another owner's name."""
    match = _OWNER.fullmatch(owner)
    if match is None:
        raise ValueError(f"{owner!r} is no upload")
    milliseconds = 0
    for digit in match[2]:
        milliseconds = 32 * milliseconds + _ALPHABET.index(digit)
    return milliseconds / 1000


def _digits(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))
