"""What each code of muscgen-tiny means: four codebooks of 2,048 at 50 frames a second, 0 is silence.

0  drums and the clock   kit and hit (or a mark of loudness), beat of the bar, frame within the sixteenth
1  bass                  instrument, pitch, age of the note
2  harmony               instrument, root, quality, age of the chord
3  lead                  instrument, pitch, age of the note

The shipped decoder plays exactly this table, so it cannot be changed without another decoder.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ, HOP, FRAMES_S, SIZE, BOOKS = 32_000, 640, 50, 2_048, 4
SIXTEENTHS = range(5, 13)  # frames in a sixteenth; tempo is 750 / frames
KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KITS = ("rock", "electronic", "brush", "lofi", "percussion")
HITS = ("K", "S", "H", "KH", "SH", "X", "P", "T")  # kick, snare, hat, both, both, accent, fill, what rings
BEATS, DRUM_AGES = 4, 12
LOUD, SOFT = 0, 1 + len(KITS) * len(HITS)  # what a frame without a stroke may be, see dynamics.py
BASSES = ("electric bass", "upright bass", "synth bass", "sub bass", "cello", "piano")
HARMONIES = (
    *("piano", "electric piano", "acoustic guitar", "electric guitar", "strings", "synth pad", "organ"),
    *("choir", "brass"),
)
QUALITIES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 10)}
LEADS = {  # the lowest pitch of each
    "piano": 60, "vibraphone": 60, "acoustic guitar": 52, "music box": 72, "flute": 67, "violin": 62,
    "saxophone": 55, "trumpet": 58, "square lead": 60, "synth lead": 60, "harp": 52, "marimba": 55,
    "electric guitar": 52, "clarinet": 57,
}  # fmt: skip
BASS_LOW, BASS_PITCHES, LEAD_PITCHES = 28, 28, 24
BASS_AGES = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 28, 41)  # the first frame of each age
AGES = (0, 1, 3, 7, 15, 31)  # of chords and leads
_QUALITIES = tuple(QUALITIES)
_LEADS = tuple(LEADS)


def tempo_bpm(sixteenth: int) -> float:
    return 750 / sixteenth


def drum(kit: str, hit: str, beat: int, frame: int, soft: bool = False) -> int:
    """hit: empty where nothing is struck, and only the clock goes on, loud or soft."""
    kind = 1 + KITS.index(kit) * len(HITS) + HITS.index(hit) if hit else SOFT if soft else LOUD
    return 1 + (kind * BEATS + beat) * DRUM_AGES + frame


def bass(instrument: str, pitch: int, frame: int) -> int:
    note = BASSES.index(instrument) * BASS_PITCHES + pitch - BASS_LOW
    return 1 + note * len(BASS_AGES) + _age(BASS_AGES, frame)


def chord(instrument: str, root: int, quality: str, frame: int) -> int:
    note = (HARMONIES.index(instrument) * 12 + root % 12) * len(_QUALITIES) + _QUALITIES.index(quality)
    return 1 + note * len(AGES) + _age(AGES, frame)


def lead(instrument: str, pitch: int, frame: int) -> int:
    note = _LEADS.index(instrument) * LEAD_PITCHES + pitch - LEADS[instrument]
    return 1 + note * len(AGES) + _age(AGES, frame)


@dataclass(frozen=True, slots=True)
class Parts:
    """A codebook's codes are numbers of several places, the last counting fastest, after 0 for silence."""

    sizes: tuple[int, ...]

    def of(self, code: int) -> tuple[int, ...] | None:
        """None for silence, and for a code that means nothing."""
        rest, found = code - 1, []
        for size in reversed(self.sizes):
            found.append(rest % size)
            rest //= size
        return tuple(reversed(found)) if code > 0 and rest == 0 else None


PARTS = (
    Parts((SOFT + 1, BEATS, DRUM_AGES)),
    Parts((len(BASSES), BASS_PITCHES, len(BASS_AGES))),
    Parts((len(HARMONIES), 12, len(_QUALITIES), len(AGES))),
    Parts((len(LEADS), LEAD_PITCHES, len(AGES))),
)
BEAT, FRAME = 1, 2  # parts of the first codebook, which are the clock


def places(book: int) -> NDArray[np.int64]:
    """Of each code its parts' places [2048, parts]; silence has one behind the last; -1: it means nothing."""
    parts = PARTS[book]
    found = np.full((SIZE, len(parts.sizes)), -1)
    found[0] = parts.sizes
    for code in range(1, SIZE):
        there = parts.of(code)
        if there is not None:
            found[code] = there
    return found


def voicing(instrument: str, root: int, quality: str) -> list[int]:
    """Pitches of a chord, kept in one register."""
    if instrument == "electric guitar":  # a power chord
        low = 40 + (root - 40) % 12
        return [low, low + 7, low + 12]
    pitches = sorted(53 + (root + step - 53) % 12 for step in QUALITIES[quality])
    doubled = instrument not in ("piano", "electric piano")
    return [*pitches, *([pitches[0] + 12] if doubled else [])]


def _age(firsts: tuple[int, ...], frame: int) -> int:
    return bisect_right(firsts, frame) - 1
