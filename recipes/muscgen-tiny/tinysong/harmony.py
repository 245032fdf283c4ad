"""Chords of a bar by Roman numerals, and the scale that fits each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from tinysong import meaning

Scale = Literal["diatonic", "pentatonic", "blues"]
_ROMAN = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
SCALES: dict[tuple[Scale, bool], tuple[int, ...]] = {  # by whether it is minor
    ("diatonic", False): (0, 2, 4, 5, 7, 9, 11),
    ("diatonic", True): (0, 2, 3, 5, 7, 8, 10),
    ("pentatonic", False): (0, 2, 4, 7, 9),
    ("pentatonic", True): (0, 3, 5, 7, 10),
    ("blues", False): (0, 2, 3, 4, 7, 9, 10),
    ("blues", True): (0, 3, 5, 6, 7, 10),
}


@dataclass(frozen=True, slots=True)
class Chord:
    """bass: above the key, in semitones; third, fifth: above it. root, quality: of the triad that sounds.

    Where a bass plays its root, a seventh chord sounds as the triad over it: ii7 is IV over ii.
    """

    bass: int
    third: int
    fifth: int
    root: int
    quality: str

    @property
    def plain(self) -> str:
        """The quality of the triad on the bass, for who plays without one."""
        return self.quality if self.root == self.bass else "maj" if self.third == 4 else "min"

    @property
    def tones(self) -> frozenset[int]:
        """Of the key, in semitones."""
        steps = {self.bass, self.bass + self.third, self.bass + self.fifth}
        steps |= {self.root + step for step in meaning.QUALITIES[self.quality]}
        return frozenset(step % 12 for step in steps)


Bar = tuple[tuple[int, Chord], ...]  # from which sixteenth on which chord


@lru_cache(None)
def chord(numeral: str) -> Chord:
    """Small is minor, b before is a semitone lower; after it 7, M7 (major seventh) or h (half diminished)."""
    lower = numeral.startswith("b")
    name = numeral.removeprefix("b").rstrip("M7h")
    after = numeral.removeprefix("b").removeprefix(name)
    bass, minor = (_ROMAN[name.lower()] - lower) % 12, name.islower()
    third = 3 if minor else 4
    if after == "M7":
        return Chord(bass, third, 7, (bass + 4) % 12, "min")
    if after == "h":
        return Chord(bass, 3, 6, (bass + 3) % 12, "min")
    if after == "7" and minor:
        return Chord(bass, 3, 7, (bass + 3) % 12, "maj")
    return Chord(bass, third, 7, bass, "7" if after == "7" else "min" if minor else "maj")


@lru_cache(None)
def bars(progression: str, slots: int) -> tuple[Bar, ...]:
    """A bar a word; "I.V" changes in its middle."""
    return tuple(
        tuple((n * slots // 2, chord(part)) for n, part in enumerate(word.split(".")))
        for word in progression.split()
    )


def at(bar: Bar, slot: int) -> Chord:
    return next(chord for start, chord in reversed(bar) if start <= slot)


@lru_cache(None)
def scale(kind: Scale, minor: bool, over: Chord) -> frozenset[int]:
    """A tone of the chord that is foreign to the key takes its neighbour's place: V7 has the leading tone."""
    found = set(SCALES[kind, minor])
    if kind != "blues":
        for tone in over.tones - set(SCALES["diatonic", minor]):
            raised = over.third == 4 and tone == (over.bass + 4) % 12
            found.discard((tone - 1) % 12 if raised else (tone + 1) % 12)
            found.add(tone)
    return frozenset(found)


@lru_cache(None)
def ladders(
    kind: Scale, minor: bool, over: Chord, key: int, low: int, high: int
) -> tuple[list[int], list[int]]:
    """Pitches from low to high: of the scale, and of the chord alone."""
    fitting, pitches = scale(kind, minor, over), range(low, high + 1)
    return (
        [pitch for pitch in pitches if (pitch - key) % 12 in fitting],
        [pitch for pitch in pitches if (pitch - key) % 12 in over.tones],
    )
