"""How far a job is, told at most four times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from muscgen.engine import Progress

REPORT_INTERVAL_S = 0.25
MAKING = 0.97  # share of the bar for the model; the rest is finishing


class Meter:
    """Turns the engine's counts of all outputs into what a client sees; never goes back, even for a retry."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._fraction = 0.0

    def read(
        self, songs: Collection[Progress], outputs: int, resumed_from_s: float | None = None
    ) -> dict[str, Any]:
        """`songs` are those that were started; `outputs` how many there will be."""
        done = sum(song.steps_done for song in songs)
        total = sum(song.steps_total for song in songs)
        made = done / total if total else 1.0
        self._fraction = max(self._fraction, MAKING * made * len(songs) / max(1, outputs))
        stage = "finishing" if done == total else "generating" if done else "waiting"
        return {
            "fraction": round(self._fraction, 4),
            "stage": stage,
            "steps_done": done,
            "steps_total": total,
            "audio_seconds_done": round(sum(song.audio_s_done for song in songs), 3),
            "eta_seconds": self._eta_s(),
            "resumed_from_seconds": resumed_from_s,
        }

    def _eta_s(self) -> float | None:
        if self._fraction <= 0:
            return None
        return round((self._clock() - self._begun) * (1 - self._fraction) / self._fraction, 2)
