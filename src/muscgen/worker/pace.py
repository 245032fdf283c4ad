"""How fast a worker makes music, for the queue's estimates."""

from __future__ import annotations

import time
from collections.abc import Callable

MEMORY = 0.8  # weight of the past at each new job


class Pace:
    """Seconds of music a second, over the time in which at least one job ran."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running = 0
        self._since = 0.0
        self._busy_s = 0.0
        self._audio_s = 0.0

    @property
    def audio_s_per_s(self) -> float | None:
        """None while nothing was measured."""
        return self._audio_s / self._busy_s if self._audio_s > 0 and self._busy_s > 0 else None

    def begin(self) -> None:
        """A job begins."""
        self._count()
        self._running += 1

    def end(self, audio_s: float) -> None:
        """A job ends, having made so much music."""
        self._count()
        self._running -= 1
        if audio_s > 0:
            self._busy_s *= MEMORY
            self._audio_s = (self._audio_s + audio_s) * MEMORY

    def _count(self) -> None:
        now = self._clock()
        if self._running:
            self._busy_s += now - self._since
        self._since = now
