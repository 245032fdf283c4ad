"""Whether a song is what was asked for, by its sound alone.

Each rate is told beside the rate at which the same songs fit the other prompts: what is not above that has
nothing to do with the words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from muscgen.audio import Audio
from muscgen.evaluation import families
from muscgen.evaluation.asked import Asked, Key, key_in
from muscgen.finishing import musical

TEMPO_TOLERANCE = 0.04  # of the tempo asked: MIREX's measure
_OCTAVES = (0.5, 1.0, 2.0)
_FIFTH, _RELATIVE, _PARALLEL = 0.5, 0.3, 0.2  # MIREX's points for a key that is nearly right


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listener of ours hears. families: each with how surely it sounds."""

    bpm: float | None
    key: str | None
    families: dict[str, float]

    @property
    def sounding(self) -> frozenset[str]:
        return families.sounding(self.families)


def listen(audio: Audio) -> Heard:
    bpm, key = musical.heard(audio)
    return Heard(bpm, key, families.chances(audio))


Judge = Callable[[Heard, Asked], float | None]


def tempo(heard: Heard, asked: Asked) -> float | None:
    """1 within 4 % of the tempo asked, else 0; None where none is asked."""
    return None if asked.bpm is None else float(_near(heard.bpm, asked.bpm, (1.0,)))


def tempo_octave(heard: Heard, asked: Asked) -> float | None:
    """As `tempo`, and half and double of it count too."""
    return None if asked.bpm is None else float(_near(heard.bpm, asked.bpm, _OCTAVES))


def key(heard: Heard, asked: Asked) -> float | None:
    """1 for the key asked, else 0."""
    return None if asked.key is None else float(_key(heard) == asked.key)


def key_near(heard: Heard, asked: Asked) -> float | None:
    """MIREX's points: 1 for the key, 0.5 for one a fifth away, 0.3 for the relative, 0.2 for the parallel."""
    found = _key(heard)
    if asked.key is None or found is None:
        return None if asked.key is None else 0.0
    return _points(found, asked.key)


def instruments(heard: Heard, asked: Asked) -> float | None:
    """The share of the families asked that sound."""
    if not asked.families:
        return None
    return len(heard.sounding & asked.families) / len(asked.families)


def absent(heard: Heard, asked: Asked) -> float | None:
    """The share of those that shall not sound and do not."""
    if not asked.without:
        return None
    return len(asked.without - heard.sounding) / len(asked.without)


JUDGES: dict[str, Judge] = {
    "tempo": tempo,
    "tempo_octave": tempo_octave,
    "key": key,
    "key_near": key_near,
    "instruments": instruments,
    "absent": absent,
}


@dataclass(frozen=True, slots=True)
class Rate:
    """value: over the songs that were asked it. exchanged: of the same songs against other songs' prompts."""

    value: float
    exchanged: float | None
    songs: int


def rates(pairs: Sequence[tuple[Heard, Asked]]) -> dict[str, Rate]:
    """By judge; one that nobody asked for is left out."""
    found = {}
    for name, judge in JUDGES.items():
        own = [score for heard, asked in pairs if (score := judge(heard, asked)) is not None]
        if not own:
            continue
        others = [
            score
            for n, (heard, mine) in enumerate(pairs)
            for m, (_, asked) in enumerate(pairs)
            if n != m and asked != mine and (score := judge(heard, asked)) is not None
        ]
        exchanged = float(np.mean(others)) if others else None
        found[name] = Rate(float(np.mean(own)), exchanged, len(own))
    return found


def _near(found: float | None, wanted: float, factors: Sequence[float]) -> bool:
    return found is not None and any(
        abs(found / (wanted * factor) - 1) <= TEMPO_TOLERANCE for factor in factors
    )


def _key(heard: Heard) -> Key | None:
    return key_in(heard.key) if heard.key else None


def _points(found: Key, wanted: Key) -> float:
    up = (found[0] - wanted[0]) % 12
    if found[1] == wanted[1]:
        return {0: 1.0, 7: _FIFTH, 5: _FIFTH}.get(up, 0.0)
    relative = 3 if found[1] == "major" else 9
    return {relative: _RELATIVE, 0: _PARALLEL}.get(up, 0.0)
