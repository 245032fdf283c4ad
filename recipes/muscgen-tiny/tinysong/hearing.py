"""Whether a piece's opening tells its key: its notes, with their overtones, by Krumhansl's algorithm.

Profiles are those of Albrecht and Shanahan (2013), by which `muscgen evaluate` hears keys in sound, too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinysong import meaning
from tinysong.score import Score

_OPENING_S = 10.0
_MARGIN = 0.02  # of correlation, before the next key
_OVERTONES = ((0, 1.0), (7, 0.12), (4, 0.04))  # the third and the fifth: semitones above, energy
_SOFT = 0.25  # power of energies, so that loud notes do not outvote the others
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)


def tells_key(score: Score) -> bool:
    """The key's profile is nearest, and no other is as near."""
    likeness = _profiles() @ strengths(score)
    own = score.key + 12 * score.minor
    others = np.delete(likeness, own)
    return bool(likeness[own] > others.max() + _MARGIN)


def strengths(score: Score) -> NDArray[np.float64]:
    """Of the 12 pitch classes in the opening, around their mean."""
    slots = min(score.length, round(_OPENING_S * meaning.FRAMES_S / score.sixteenth))
    energies = np.zeros((12, slots))
    for note in score.notes:
        if note.start < slots:
            for pitch in score.pitches(note):
                energies[pitch % 12, note.start : note.start + note.length] += 1.0
    heard = sum(weight * np.roll(energies, above, axis=0) for above, weight in _OVERTONES)
    found = (np.asarray(heard) ** _SOFT).sum(axis=1)
    return np.asarray(found - found.mean())


@lru_cache(1)
def _profiles() -> NDArray[np.float64]:
    """12 major and 12 minor keys, each of length one around its mean [24, 12]."""
    rows = np.stack([np.roll(profile, key) for profile in (_MAJOR, _MINOR) for key in range(12)])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
