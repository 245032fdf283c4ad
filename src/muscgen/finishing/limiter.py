"""A look-ahead limiter: short peaks give way to the loudness that was asked for.

level   ───╱╲────      gain  ───╲    ╱───      the gain is down before the peak comes, and up again after it
                                 ╲__╱
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.finishing.loudness import OVERSAMPLING

LOOK_AHEAD_S = 0.015  # gain that moves slower than 30 Hz is heard as level, not as distortion
MAX_REDUCTION_DB = (
    6.0  # what mastering for streaming commonly takes from short peaks; more is heard as pumping
)


def limited(audio: Audio, ceiling_db: float) -> Audio:
    """The same sound with no true peak above `ceiling_db` (dB of full scale), all channels under one gain."""
    reach = max(1, round(LOOK_AHEAD_S * audio.sample_rate))
    gain = np.minimum(1.0, 10 ** (ceiling_db / 20) / np.maximum(_peaks(audio), 1e-9))
    if gain.min() == 1.0:
        return audio
    return Audio(audio.samples * _smooth(_lowest(gain, reach), reach).astype(np.float32), audio.sample_rate)


def _peaks(audio: Audio) -> NDArray[np.float64]:
    """The highest magnitude at and around each sample over all channels [T]."""
    count, rate = audio.samples.shape[1], audio.sample_rate
    between = soxr.resample(audio.samples.T, rate, rate * OVERSAMPLING, quality="HQ")
    magnitude = np.abs(between.reshape(len(between), -1)).max(axis=1)
    magnitude = np.pad(magnitude, (0, max(0, count * OVERSAMPLING - magnitude.size)))[: count * OVERSAMPLING]
    magnitude = magnitude.reshape(count, OVERSAMPLING)
    grouped = magnitude.max(axis=1)
    # A peak between two samples belongs to both of them.
    grouped[1:] = np.maximum(grouped[1:], magnitude[:-1, -1])
    return np.asarray(np.maximum(grouped, np.abs(audio.samples).max(axis=0)), dtype=np.float64)


def _lowest(gain: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The lowest gain within `reach` samples on both sides [T], by doubling the window."""
    padded = np.pad(gain, reach, constant_values=1.0)
    width, size = 1, 2 * reach + 1
    while width < size:
        shift = min(width, size - width)
        padded = np.minimum(padded[:-shift], padded[shift:])
        width += shift
    return padded


def _smooth(gain: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Two running means that together reach as far as `_lowest` looked, so no peak slips through [T]."""
    first = reach // 2
    return _mean(_mean(gain, first), reach - first)


def _mean(gain: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The mean of `reach` samples on both sides and the one between [T]."""
    total = np.cumsum(np.pad(gain, (reach + 1, reach), mode="edge"))
    return np.asarray((total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1))
