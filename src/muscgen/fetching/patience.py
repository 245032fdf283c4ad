"""Trying again: how often, how long apart, and when to stop."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from muscgen import telemetry
from muscgen.errors import Cancelled, SourceAway
from muscgen.fetching.plan import Transient

T = TypeVar("T")
_LATER = "later again, which goes on with what came; without a network: muscgen models import DIR"


@dataclass(frozen=True, slots=True)
class Patience:
    """tries: failures in a row without a new byte. longest_s: of a Retry-After that is still waited for."""

    tries: int = 6
    first_s: float = 1.0
    most_s: float = 30.0
    longest_s: float = 300.0
    stop: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises Cancelled once somebody has said stop."""
        if self.stop.is_set():
            raise Cancelled("the fetching was stopped; what came is kept for the next time")

    def wait(self, failures: int, trouble: Transient, what: str) -> None:
        """Until the next try. Raises SourceAway where there is none, Cancelled."""
        if failures >= self.tries:
            raise SourceAway(f"{what}: {trouble}, {failures} times in a row", suggestion=_LATER)
        backoff_s = min(self.most_s, self.first_s * 2 ** (failures - 1)) * random.uniform(0.75, 1.25)  # noqa: S311  # nosec B311
        pause_s = max(backoff_s, trouble.wait_s or 0.0)
        if pause_s > self.longest_s:
            raise SourceAway(
                f"{what}: {trouble}, and asks to be left alone for {pause_s:.0f} s",
                retry_after_s=pause_s,
                suggestion="try again after that; a token of one's own often has a higher limit",
            )
        telemetry.warning("fetch.again", what=what, reason=str(trouble), in_s=round(pause_s, 1))
        self.stop.wait(pause_s)
        self.check()


def patiently(call: Callable[[], T], patience: Patience, what: str) -> T:
    """What the call returns, tried again while it raises Transient."""
    failures = 0
    while True:
        patience.check()
        try:
            return call()
        except Transient as trouble:
            failures += 1
            patience.wait(failures, trouble, what)


def retry_after_s(header: str | None) -> float | None:
    """Seconds of a Retry-After: a number, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
