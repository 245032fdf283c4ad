"""How much a cell may change without being heard.

A change of one decibel in noise is inaudible, in a steady tone it is a tremolo. So each bin is asked how well
its two frames before foretell it (the unpredictability of ISO 11172-3's second psychoacoustic model, of
magnitudes alone, since nothing here may look ahead): what is foretold is a tone, and changes less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muscgen.provenance.watermark.grid import BAND_BINS, BANDS, BINS

TONE_DB = 0.8
NOISE_DB = 1.8
_NOISY = 0.3  # unpredictability of noise; a steady tone has about 0.02
_TINY = 1e-9

Floats = NDArray[np.float32]


class Strength:
    """One channel's judge; it remembers the two frames before."""

    def __init__(self) -> None:
        self._before: Floats | None = None  # [2, bins]

    def of(self, magnitudes: Floats) -> Floats:
        """Magnitudes [T, FRAME / 2 + 1] of the next frames -> decibels of change [T, bins of the grid]."""
        marked = magnitudes[:, BINS]
        if self._before is None:
            self._before = np.zeros((2, marked.shape[1]), np.float32)
        past = np.concatenate([self._before, marked])
        self._before = past[-2:]
        foretold = np.maximum(2 * past[1:-1] - past[:-2], 0)
        surprise = np.abs(marked - foretold) / (marked + foretold + _TINY)
        # By power, for the loudest bin of a band is the one that is heard.
        power = (marked**2 + _TINY).reshape(-1, BANDS, BAND_BINS)
        noisiness = (surprise.reshape(power.shape) * power).sum(2) / power.sum(2) / _NOISY
        change = TONE_DB + (NOISE_DB - TONE_DB) * np.minimum(noisiness, 1)
        return np.repeat(change, BAND_BINS, axis=1).astype(np.float32)
