"""Figures by name, which way is better, and how much of a change is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["higher", "lower", ""]
_NOISE = 0.1  # of a distance: what another draw of as many songs changes
_DECIBELS = 0.5


@dataclass(frozen=True, slots=True)
class Measure:
    """better: "" for what is told and not judged. tolerance: a change within it is none. more: beside it."""

    value: float
    better: Better
    tolerance: float
    about: str
    more: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": round(self.value, 6),
            "better": self.better,
            "tolerance": round(self.tolerance, 6),
            "about": self.about,
        } | self.more


def share(value: float, songs: int, better: Better, about: str, **more: Any) -> Measure:  # noqa: ANN401
    """Of songs: its tolerance is twice the standard error, and one song at least."""
    error = math.sqrt(max(value * (1 - value), 0.0) / songs)
    return Measure(value, better, max(2 * error, 1 / songs), about, {"songs": songs} | more)


def apart(value: float, about: str, better: Better = "lower", **more: Any) -> Measure:  # noqa: ANN401
    """A distance, or another figure without a scale."""
    return Measure(value, better, max(abs(value) * _NOISE, 1e-6), about, more)


def decibels(value: float, better: Better, about: str, **more: Any) -> Measure:  # noqa: ANN401
    return Measure(value, better, _DECIBELS, about, more)
