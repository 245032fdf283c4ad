"""The events of one job, read once for all who follow it in this process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress

from muscgen.jobs.job import Event

MOST_EVENTS = 2_500  # the stream itself is cut at about 2,000; who is further behind goes on from the oldest


class Tail:
    """What came so far, and more as it comes, until it is `over`. Only in the loop's thread."""

    reader: asyncio.Task[None]  # whose last act is `end`

    def __init__(self) -> None:
        self.followers = 0
        self.over = False
        self._error: Exception | None = None
        self._events: list[Event] = []
        self._dropped = 0
        self._news = asyncio.Event()

    def add(self, events: Iterable[Event]) -> None:
        self._events.extend(events)
        if (surplus := len(self._events) - MOST_EVENTS) > 0:
            del self._events[:surplus]
            self._dropped += surplus
        self._ring()

    def end(self, error: Exception | None = None) -> None:
        """No more will come; an error is raised by all who wait for more."""
        self.over, self._error = True, error
        self._ring()

    async def follow(
        self, after: str | None, until: float = math.inf, beat_s: float = math.inf
    ) -> AsyncGenerator[Event | None, None]:
        """Those after the id `after` (None: all), as they come, up to the end or the loop's time `until`.

        None whenever there was none for `beat_s`.
        """
        now, at = asyncio.get_running_loop().time, 0
        heard = (-1, 0) if after is None else _order(after)
        while True:
            news, fresh = self._news, self._events[max(0, at - self._dropped) :]
            at = self._dropped + len(self._events)
            for event in fresh:
                if _order(event.id) > heard:
                    yield event
            if news.is_set():
                continue
            if self._over(until <= now()):
                return
            if not await _rung(news, min(until, now() + beat_s)) and now() < until:
                yield None

    def _over(self, late: bool) -> bool:
        """Whether to wait no longer. Raises what ended the reading."""
        if self._error is not None:
            raise self._error
        return self.over or late

    def _ring(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _rung(bell: asyncio.Event, until: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(None if math.isinf(until) else until):
            await bell.wait()
    return bell.is_set()


def _order(event_id: str) -> tuple[int, int]:
    moment, _, number = event_id.partition("-")
    return int(moment), int(number or 0)
