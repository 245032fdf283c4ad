"""What a song plays, read from its codes: they mean something, so nobody has to listen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.finishing.musical import key_profiles
from tinysong import meaning
from tinysong.harmony import SCALES

_BEAT, _BARS = 4, 6  # sixteenths; the fewest bars that have thirds
_CLOCK = meaning.BEATS * meaning.DRUM_AGES  # codes of a stroke: when it is in the bar
Codes = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Heard:
    """sixteenth: frames in one, as most beats have them; 0 where no clock ticks. even: beats of four.

    steady: beats as long as most are. Instruments are those of most frames, empty where there are none.
    key: 0 is C; None without notes. soft: the share of marked frames, in the first and in the second half.
    change: the share of the last third's bars where others play than in most of the first third's.
    """

    sixteenth: float
    even: float
    steady: float
    kit: str
    bass: str
    harmony: str
    lead: str
    key: tuple[int, str] | None
    lead_pitches: tuple[int, ...]
    soft: tuple[float | None, float | None]
    change: float | None

    def in_scale(self, key: int, minor: bool) -> float | None:
        """The share of the lead's frames that are in that key's scale; None without a lead."""
        if not self.lead_pitches:
            return None
        scale = {(key + step) % 12 for step in SCALES["diatonic", minor]}
        return sum(pitch % 12 in scale for pitch in self.lead_pitches) / len(self.lead_pitches)


def read(codes: Codes) -> Heard:
    """codes: [4, F]."""
    kinds, beats, frames = _parts(0, codes[0]).T
    sixteenth, even, steady = _clock(beats, frames)
    struck = kinds[(kinds > meaning.LOUD) & (kinds < meaning.SOFT) & (frames == 0)]
    basses, harmonies, leads = (_parts(book, codes[book]) for book in (1, 2, 3))
    names = tuple(meaning.LEADS)
    pitches = [meaning.LEADS[names[lead]] + pitch for lead, pitch, _ in leads]
    return Heard(
        sixteenth,
        even,
        steady,
        kit=_most((struck - 1) // len(meaning.HITS), meaning.KITS),
        bass=_most(basses[:, 0], meaning.BASSES),
        harmony=_most(harmonies[:, 0], meaning.HARMONIES),
        lead=_most(leads[:, 0], names),
        key=_key(basses, harmonies, pitches),
        lead_pitches=tuple(pitches),
        soft=(_soft(kinds[: len(kinds) // 2]), _soft(kinds[len(kinds) // 2 :])),
        change=_change(codes),
    )


def in_time(codes: Codes) -> float:
    """The share of frames in which both sides' clocks say the same; codes: [8, F], left and right in turn."""
    beats = [np.where(side > 0, (side - 1) % _CLOCK, -1) for side in codes[:2]]
    return float(np.mean(beats[0] == beats[1]))


def _parts(book: int, row: Codes) -> NDArray[np.int64]:
    """The parts of each code that means something [N, parts]."""
    sizes = meaning.PARTS[book].sizes
    row = row[(row > 0) & (row <= np.prod(sizes))].astype(np.int64) - 1
    return np.stack(np.unravel_index(row, sizes), axis=1)


def _clock(beats: NDArray[np.int64], frames: NDArray[np.int64]) -> tuple[float, float, float]:
    """Frames in a sixteenth, even beats, steady beats; of whole beats only."""
    slots = np.flatnonzero(frames == 0)
    turns = np.flatnonzero(np.diff(beats[slots], prepend=-1) != 0)  # the slots that begin a beat
    if len(turns) < 2:
        return 0.0, 0.0, 0.0
    counts, lengths = np.diff(turns), np.diff(slots[turns])
    usual = float(np.median(lengths))
    return usual / _BEAT, float(np.mean(counts == _BEAT)), float(np.mean(lengths == usual))


def _most(numbers: NDArray[np.int64], names: tuple[str, ...]) -> str:
    return names[Counter(numbers.tolist()).most_common(1)[0][0]] if len(numbers) else ""


def _key(basses: NDArray[np.int64], harmonies: NDArray[np.int64], leads: list[int]) -> tuple[int, str] | None:
    """By the strengths of pitch classes, as a listener finds it in sound (finishing/musical.py)."""
    strengths = np.zeros(12)
    for _, pitch, _ in basses:
        strengths[(meaning.BASS_LOW + pitch) % 12] += 1
    for _, root, quality, _ in harmonies:
        strengths[(root + np.array(tuple(meaning.QUALITIES.values())[quality])) % 12] += 1
    for pitch in leads:
        strengths[pitch % 12] += 1
    if np.ptp(strengths) == 0:
        return None
    best = int((key_profiles() @ (strengths - strengths.mean())).argmax())
    return best % 12, "major" if best < 12 else "minor"


def _soft(kinds: NDArray[np.int64]) -> float | None:
    marks = kinds[(kinds == meaning.LOUD) | (kinds == meaning.SOFT)]
    return float(np.mean(marks == meaning.SOFT)) if len(marks) else None


def _change(codes: Codes) -> float | None:
    """None for fewer bars than six."""
    row = codes[0].astype(np.int64) - 1
    struck = (row >= (meaning.LOUD + 1) * _CLOCK) & (row < meaning.SOFT * _CLOCK)
    ticks = np.flatnonzero((row >= 0) & (row % meaning.DRUM_AGES == 0))
    beats = row[ticks] % _CLOCK // meaning.DRUM_AGES
    firsts = ticks[(beats == 0) & (np.diff(beats, prepend=-1) != 0)]
    if len(firsts) < _BARS:
        return None
    playing = np.split(np.stack([struck, *(codes[1:] > 0)]), firsts[1:], axis=1)
    players = [tuple(bar.any(axis=1).tolist()) for bar in playing]
    third = len(players) // 3
    usual = Counter(players[:third]).most_common(1)[0][0]
    return float(np.mean([bar != usual for bar in players[-third:]]))
