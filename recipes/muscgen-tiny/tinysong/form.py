"""How a piece goes on: sections of bars, who plays in each, how loudly, and the chord of every bar."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

_ROMAN = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
_SEVENTH = "7"


@dataclass(frozen=True, slots=True)
class Chord:
    """root: above the key, in semitones."""

    root: int
    quality: str


@dataclass(frozen=True, slots=True)
class Section:
    """letter: of the material; the same letter comes back varied. level: 0 to 1, of loudness at both ends."""

    letter: str
    bars: int
    levels: tuple[float, float]
    plays: frozenset[str]


_ALL = frozenset({"lead", "harmony", "bass", "drums"})
# Who plays grows towards the middle, so that codes, which say nothing of loudness, have dynamics too.
_PLAN = (
    ("i", 0.10, (0.35, 0.5), frozenset({"harmony", "bass"})),
    ("a", 0.25, (0.55, 0.65), frozenset({"lead", "harmony", "bass"})),
    ("b", 0.25, (0.65, 0.9), _ALL),
    ("a", 0.30, (0.9, 1.0), _ALL),
    ("o", 0.10, (0.7, 0.3), frozenset({"lead", "harmony", "bass"})),
)
_LEAST_BARS = 6  # of a piece with a form; a shorter one is a single section


def sections(bars: int) -> list[Section]:
    """As many bars as are asked for, in whole sections of at least one."""
    if bars < _LEAST_BARS:
        return [Section("a", bars, (0.7, 0.9), _ALL)]
    ends = [round(bars * share) for share in accumulate(part[1] for part in _PLAN)]
    ends = [max(end, n + 1) for n, end in enumerate(ends)]
    starts = [0, *ends[:-1]]
    return [
        Section(letter, end - start, levels, plays)
        for (letter, _, levels, plays), start, end in zip(_PLAN, starts, ends, strict=True)
    ]


def chords(progression: str) -> list[Chord]:
    """A chord a bar, of Roman numerals: small is minor, b before a semitone lower, 7 after a seventh."""
    found = []
    for word in progression.split():
        lower = word.startswith("b")
        numeral = word.removeprefix("b").removesuffix(_SEVENTH)
        quality = "min" if numeral.islower() else _SEVENTH if word.endswith(_SEVENTH) else "maj"
        found.append(Chord((_ROMAN[numeral.lower()] - lower) % 12, quality))
    return found
