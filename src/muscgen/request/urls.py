"""Addresses that clients give us to call."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from pydantic_core import PydanticCustomError

MAX_URL_CHARS = 2_000
_SCHEMES = ("http", "https")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


def web_address(url: str) -> str:
    """The url as it is. Raises PydanticCustomError for what is no plain http or https address of a host."""
    parts = _split(url)
    if parts.scheme not in _SCHEMES:
        raise _wrong("has another scheme than http and https", "https://example.com/hook")
    if not parts.hostname or not _has_port(parts):
        raise _wrong("names no host, or an impossible port", "https://example.com/hook")
    if "@" in parts.netloc:
        raise _wrong("holds a user or a password, which would be stored with the job", "a token in the path")
    if parts.fragment:
        raise _wrong("has a fragment, which is never sent", "leave out what follows #")
    return url


def _split(url: str) -> SplitResult:
    if not _VISIBLE.fullmatch(url) or "\\" in url:  # readers of URLs differ about backslashes
        raise _wrong("holds characters that no URL has", "percent-encoding, and xn-- for other scripts")
    try:
        return urlsplit(url)
    except ValueError:
        raise _wrong("cannot be read as a URL", "https://example.com/hook") from None


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _wrong(what: str, instead: str) -> PydanticCustomError:
    return PydanticCustomError("web_address", "{what}", {"what": what, "instead": instead})
