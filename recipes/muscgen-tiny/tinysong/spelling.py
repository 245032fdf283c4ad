"""A score in codes: one channel, or two that are wide and add up to one.

Stereo: drums and bass are the same on both sides. The lead is on both, in some pieces a frame or two later on
the right. Chords on the right are another instrument's of the style, or a frame late.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinysong import meaning
from tinysong.loudness import soft_beats
from tinysong.score import Note, Score

Codes = NDArray[np.int16]
_LONGEST = 4_096  # frames of a note
_LATE_FRAMES = 1  # of chords on the right, where nobody answers
_BASS, _HARMONY, _LEAD = 1, 2, 3
# A tail is the ring of snare and cymbal, so it follows only what rings: hit to sixteenths without a stroke.
_RINGS = {"X": 2}
_KIT_RINGS = {"percussion": {"K": 1, "KH": 1, "P": 1}}
_QUICK, _QUICK_RINGS = 7, {"S": 1, "SH": 1}  # of the electronic kit, where sixteenths have fewer frames


def codes(score: Score) -> Codes:
    """[4, frames]."""
    starts = score.starts()
    found = np.zeros((meaning.BOOKS, score.frames), np.int16)
    found[0] = _drums(score, starts)
    ends = starts.tolist()
    for note in score.notes:
        book, first, ages = _spelled(score, note)
        begin, end = ends[note.start], ends[min(note.start + note.length, score.length)]
        found[book, begin:end] = ages[: end - begin] + first
    return found


def stereo(score: Score) -> Codes:
    """[8, frames]: L0 R0 L1 R1 and so on."""
    left = codes(score)
    right = left.copy()
    right[_LEAD] = _later(left[_LEAD], score.echo_frames)
    if score.answer:
        ours, theirs = (meaning.chord(name, 0, "maj", 0) for name in (score.harmony, score.answer))
        right[_HARMONY] += np.int16(theirs - ours) * (left[_HARMONY] > 0)
    else:
        right[_HARMONY] = _later(left[_HARMONY], _LATE_FRAMES)
    return np.stack([left, right], axis=1).reshape(2 * meaning.BOOKS, -1)


def _later(row: Codes, frames: int) -> Codes:
    """Silence first."""
    return np.concatenate((np.zeros(frames, row.dtype), row[: len(row) - frames]))


def _spelled(score: Score, note: Note) -> tuple[int, int, Codes]:
    """Codebook, the code of the note's first frame, and what its later frames add."""
    if note.part == "bass":
        return _BASS, meaning.bass(score.bass, note.pitch, 0), _ages()[0]
    if note.part == "harmony":
        return _HARMONY, meaning.chord(score.harmony, note.pitch, note.quality, 0), _ages()[1]
    return _LEAD, meaning.lead(score.lead, note.pitch, 0), _ages()[1]


@lru_cache(1)
def _ages() -> tuple[Codes, Codes]:
    """By frame: of the bass, and of chords and leads."""
    frames = range(_LONGEST)
    low, name = meaning.BASS_LOW, meaning.BASSES[0]
    first = meaning.bass(name, low, 0)
    bass = np.array([meaning.bass(name, low, frame) - first for frame in frames], np.int16)
    name = next(iter(meaning.LEADS))
    first = meaning.lead(name, meaning.LEADS[name], 0)
    others = [meaning.lead(name, meaning.LEADS[name], frame) - first for frame in frames]
    return bass, np.array(others, np.int16)


def _drums(score: Score, starts: NDArray[np.int64]) -> Codes:
    """What is struck, and the clock that always ticks, softly or not."""
    kit = score.kit or meaning.KITS[0]
    soft = soft_beats(score.levels, score.beats) or [False] * (score.length // 4)
    firsts = [
        meaning.drum(kit, hit, slot // 4 % score.beats, 0, soft=soft[slot // 4])
        for slot, hit in enumerate(_tailed(score))
    ]
    lengths = np.diff(starts)
    within = np.arange(score.frames) - np.repeat(starts[:-1], lengths)
    return (np.repeat(firsts, lengths) + within).astype(np.int16)


def _tailed(score: Score) -> list[str]:
    """Hits by sixteenth, with tails."""
    rings = _RINGS | _KIT_RINGS.get(score.kit, {})
    if score.kit == "electronic" and score.sixteenth < _QUICK:
        rings |= _QUICK_RINGS
    found = [""] * score.length
    for hit in score.hits:
        found[hit.start] = hit.hit
    left = 0
    for slot, hit in enumerate(found):
        if hit:
            left = rings.get(hit, 0)
        elif left:
            found[slot], left = "T", left - 1
    return found
