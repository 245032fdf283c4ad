"""How well the mark hides: signal-to-noise ratio, PEAQ (peaq.py) and, where it is installed, ViSQOL."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.watermark import peaq
from benchmarks.watermark.material import Track, at_rate
from benchmarks.watermark.survival import mark_of
from muscgen.audio import Audio
from muscgen.finishing.encode import decode, encode

JUDGED_S = 10.0  # of each track
VISQOL_S, VISQOL_TRACKS = 8.0, 16  # it takes as long as the music
_LEVEL = 0.7  # of full scale: to the ear's model, as loud as music is commonly heard
Line = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hidden:
    """Of one change, over all tracks and channels: medians, and the worst. visqol: from 1 to 4.75."""

    name: str
    snr_db: float
    nmr_db: float
    nmr_db_worst: float
    odg: float
    odg_worst: float
    audible: float
    visqol: float | None
    visqol_worst: float | None


# The mark, and for comparison what encoders do.
CHANGES: dict[str, Callable[[Audio], Audio]] = {
    "the mark": mark_of(0).write,
    "mp3 192 kbit/s": lambda song: decode(encode(song, "mp3", 192)),
    "mp3 128 kbit/s": lambda song: decode(encode(song, "mp3", 128)),
    "opus 96 kbit/s": lambda song: at_rate(decode(encode(at_rate(song, 48_000), "opus", 96)), 32_000),
}


def judged(name: str, tracks: Sequence[Track]) -> Hidden:
    """One of CHANGES."""
    change = CHANGES[name]
    grades, ratios, opinions = [], [], []
    judge, every = _visqol(), max(1, len(tracks) // VISQOL_TRACKS)
    for number, track in enumerate(tracks):
        pairs = list(zip(*(_lines(audio) for audio in (track.audio, change(track.audio))), strict=True))
        scale = np.float32(_LEVEL / max(np.abs(pairs[0][0]).max(), 1e-6))
        for before, after in pairs:
            ratios.append(float(10 * np.log10((before**2).sum() / ((after - before) ** 2).sum())))
            grades.append(peaq.grade(before * scale, after * scale))
        if judge is not None and number % every == 0:
            count = round(VISQOL_S * peaq.RATE)
            opinions.append(judge(pairs[0][0][:count] * scale, pairs[0][1][:count] * scale))
    return Hidden(
        name,
        median(ratios),
        median(grade.nmr_db for grade in grades),
        max(grade.nmr_db for grade in grades),
        median(grade.odg for grade in grades),
        min(grade.odg for grade in grades),
        median(grade.audible for grade in grades),
        median(opinions) if opinions else None,
        min(opinions) if opinions else None,
    )


def _lines(audio: Audio) -> list[Line]:
    """The channels at 48 kHz."""
    samples = at_rate(audio, peaq.RATE).samples[:, : round(JUDGED_S * peaq.RATE)]
    return list(samples)


def _visqol() -> Callable[[Line, Line], float] | None:
    """The grade of music by the package visqol-python, from 1 to 4.75."""
    if importlib.util.find_spec("visqol") is None:
        return None
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio")

    def judge(before: Line, after: Line) -> float:
        result: Any = api.measure_from_arrays(before.astype(np.float64), after.astype(np.float64), peaq.RATE)
        return float(result.moslqo)

    return judge
