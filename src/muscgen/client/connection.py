"""How the service is reached, and what it means when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

import muscgen
from muscgen.errors import InvalidRequest, Unavailable


@dataclass(frozen=True, slots=True)
class Limits:
    connect_s: float = 10.0
    read_s: float = 60.0  # an answer may be held for 30 s; a song's stream waits for its first sound


LIMITS = Limits()


def address(url: str) -> httpx.URL:
    """Where the service is mounted; the addresses it names are joined to it. Raises InvalidRequest."""
    try:
        base = httpx.URL(url.rstrip("/") + "/")
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"{url} is no address: {error}", param="url") from error
    if base.scheme not in ("http", "https") or not base.host:
        raise InvalidRequest(f"{url} is no address", param="url", suggestion="http://127.0.0.1:8000")
    return base


def options(key: str | None, timeout_s: float) -> dict[str, Any]:
    """What both of httpx's clients are made with."""
    headers = {"User-Agent": f"muscgen/{muscgen.__version__}"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return {
        "headers": headers,
        "timeout": httpx.Timeout(timeout_s, connect=LIMITS.connect_s),
        "follow_redirects": True,  # files may lie in a bucket; httpx sends the key to the service alone
    }


def connection_error(error: httpx.TransportError, base: httpx.URL) -> Unavailable:
    """The service is not reached, or broke off."""
    there = str(base).rstrip("/")
    return Unavailable(
        f"{there} did not answer: {str(error) or type(error).__name__}", suggestion="is it running?"
    )
