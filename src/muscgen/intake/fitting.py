"""Sound as somebody wants to have it: another rate, another number of channels."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio


def fitted(audio: Audio, rate: int, channels: int) -> NDArray[np.float32]:
    """Samples [channels, T] at the rate: mixed down to one channel where they are not as many, and spread."""
    samples = audio.samples
    if audio.channels != channels:
        samples = samples.mean(axis=0, keepdims=True).repeat(channels, axis=0)
    if audio.sample_rate != rate:
        samples = soxr.resample(samples.T, audio.sample_rate, rate).T
    return np.ascontiguousarray(samples, np.float32)
