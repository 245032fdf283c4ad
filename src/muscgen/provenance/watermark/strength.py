"""How much a cell may change without being heard: as much as the sound itself masks.

Every bin of a frame masks those above and below it, by slopes that are straight in decibels over barks
(Zwicker). A bin may change by what is masked at its place. So a steady tone changes by a tenth of itself, and
what lies between the tones and is drowned by them by many times itself: of music with few notes that is the
part by which a mark is found under noise. Nothing here looks ahead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muscgen.provenance.watermark.grid import BAND_BINS, BANDS, BINS, FRAME, RATE

MASKED_DB = -14.0  # of what a bark's bins mask within it, by their power
DOWN_DB, UP_DB = 27.0, 12.0  # less a bark, towards lower and higher frequencies
MOST, LEAST = 4.0, 0.75  # of a bin, by which it becomes louder (14 dB) or softer (12 dB)
ONSET = 4.0  # times what the frame before masked are masked at most
_TINY = np.float32(1e-9)

Floats = NDArray[np.float32]


class Strength:
    """One channel's judge; it remembers what the frame before masked.

    It works bin by bin and frame by frame, so what it says does not depend on how many frames come at once.
    """

    def __init__(self) -> None:
        self._before = np.zeros((1, BANDS * BAND_BINS), np.float32)

    def of(self, magnitudes: Floats) -> tuple[Floats, Floats]:
        """Magnitudes [T, FRAME / 2 + 1] of the next frames -> by what part of itself a bin of the grid may
        become louder, and by what part softer [T, bins]."""
        past = np.concatenate([self._before, _masked(magnitudes**2)])
        self._before = past[-1:]
        # A note that begins in a frame masks nothing before it, where a change of the frame reaches too.
        masked = np.minimum(past[1:], ONSET * past[:-1])
        part = np.sqrt(masked) / (magnitudes[:, BINS] + _TINY)
        return np.minimum(part, MOST), np.minimum(part, LEAST)


def _masked(power: Floats) -> Floats:
    """Power of all bins [T, FRAME / 2 + 1] -> the power that is masked in each bin of the grid [T, bins]."""
    own = np.ascontiguousarray(power.T)
    up, down = own.copy(), own.copy()
    for at in range(1, len(own)):
        up[at] += up[at - 1] * _UP[at]
        down[-at - 1] += down[-at] * _DOWN[-at]
    masked: Floats = (up + down - own)[BINS].T * _SHARE
    return masked


_HZ = np.arange(FRAME // 2 + 1) * RATE / FRAME
_BARKS = 13 * np.arctan(0.00076 * _HZ) + 3.5 * np.arctan((_HZ / 7500) ** 2)
_STEPS = np.diff(_BARKS, prepend=0.0)  # from the bin below
_UP, _DOWN = (np.asarray(10 ** (-slope * _STEPS / 10), np.float32) for slope in (UP_DB, DOWN_DB))
_SHARE = np.asarray(10 ** (MASKED_DB / 10) * np.gradient(_BARKS)[BINS], np.float32)  # one bin's of its bark
