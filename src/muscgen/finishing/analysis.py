"""What is measured in what a player of the file hears."""

from __future__ import annotations

import math
from typing import TypedDict

from muscgen.audio import Audio
from muscgen.finishing import checks, loudness, musical


class Analysis(TypedDict):
    """None where a number would be infinite, or where there is nothing to tell."""

    lufs: float | None
    true_peak_db: float | None
    silence_ratio: float
    clipped_samples: int
    bpm: float | None
    key: str | None


def analyse(audio: Audio) -> Analysis:
    """Levels, flaws, tempo and key."""
    bpm, key = musical.heard(audio)
    return {
        "lufs": _finite(loudness.integrated(audio)),
        "true_peak_db": _finite(loudness.true_peak_db(audio)),
        "silence_ratio": round(checks.silence_ratio(audio), 4),
        "clipped_samples": checks.clipped_samples(audio),
        "bpm": bpm,
        "key": key,
    }


def _finite(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
