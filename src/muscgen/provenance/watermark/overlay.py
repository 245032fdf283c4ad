"""Sound that is changed on a copy at another rate: only the change comes back to it.

So what lies beyond the copy's band stays as it was, and nothing is filtered twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import soxr
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Overlay(ABC):
    """A stream: sound of any rate and number of channels goes in, and comes out changed, a little late."""

    def __init__(self, rate: int, *, sample_rate: int, channels: int) -> None:
        """rate: of the copy, in Hz."""
        same = sample_rate == rate
        self._down = None if same else soxr.ResampleStream(sample_rate, rate, channels, "float32", "HQ")
        self._up = None if same else soxr.ResampleStream(rate, sample_rate, channels, "float32", "HQ")
        self._channels = channels
        self._waiting = np.zeros((channels, 0), np.float32)  # of the sound
        self._changes = np.zeros((channels, 0), np.float32)  # not yet added

    def push(self, samples: Floats, *, last: bool = False) -> Floats:
        """Samples [C, T] -> those [C, T'] that are changed by now; with `last` all that are left."""
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        low = self._resample(self._down, samples, last=last)
        changes = self._resample(self._up, self._change(low, last=last), last=last)
        self._changes = np.concatenate([self._changes, changes], axis=1)
        return self._out(last=last)

    @abstractmethod
    def _change(self, low: Floats, *, last: bool) -> Floats:
        """The copy's next samples [C, T] -> what is added to it [C, T'], in order, from its beginning on."""

    def _out(self, *, last: bool) -> Floats:
        count = self._waiting.shape[1] if last else min(self._changes.shape[1], self._waiting.shape[1])
        changes = self._changes[:, :count]
        if (missing := count - changes.shape[1]) > 0:
            changes = np.pad(changes, ((0, 0), (0, missing)))
        marked = self._waiting[:, :count] + changes
        self._waiting, self._changes = self._waiting[:, count:], self._changes[:, count:]
        return marked

    def _resample(self, stream: soxr.ResampleStream | None, samples: Floats, *, last: bool) -> Floats:
        if stream is None:
            return samples
        resampled = stream.resample_chunk(np.ascontiguousarray(samples.T), last=last)
        return np.ascontiguousarray(resampled.reshape(-1, self._channels).T)
