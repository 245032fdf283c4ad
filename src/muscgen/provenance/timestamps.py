"""Time stamps by a third party (RFC 3161): what was signed was there then, whoever has the key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from muscgen import telemetry
from muscgen.errors import Unavailable

PAUSE_S = 60.0  # until an authority that failed is asked again: c2pa waits 30 s for one that says nothing

Signed = TypeVar("Signed")


class TimeStamps:
    """The authority at an address. What it does not stamp is signed all the same, and says so."""

    def __init__(
        self, url: str, *, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = url
        self._pause_s, self._clock = pause_s, clock
        self._not_before = -pause_s

    @property
    def host(self) -> str:
        """As people are told of it: the address may hold a password."""
        return urlsplit(self.url).hostname or "the authority"

    def asked_in(self, sign: Callable[[str | None], Signed]) -> tuple[Signed, str]:
        """What `sign` makes with the authority's address, or without any; and then why there is no stamp.

        Raises Unavailable where it cannot be signed without a stamp either.
        """
        if self._clock() < self._not_before:
            return sign(None), f"{self.host} failed less than {self._pause_s:g} s ago"
        try:
            return sign(self.url), ""
        except Unavailable as error:
            made = sign(None)
            self._not_before = self._clock() + self._pause_s
            telemetry.warning("credentials.no_time_stamp", authority=self.host, reason=error.detail)
            return made, f"{self.host} gave none"
