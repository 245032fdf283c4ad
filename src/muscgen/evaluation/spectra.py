"""Log-mel spectra, and what is told of a second of sound by their statistics."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio

RATE_HZ = 16_000
WINDOW, HOP = 1_024, 320  # 64 ms every 20 ms
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 40.0, 7_900.0
SECOND = RATE_HZ // HOP  # frames
STEP = SECOND // 2  # from one second to the next that is looked at
LEVEL_DB = -20.0  # to which every clip is brought: loudness is judged elsewhere
FLOOR = 1e-7  # of a band's power at that level; 16-bit noise lies below
FEATURES = 4 * BANDS
_BLOCK = 512  # frames at once

Floats = NDArray[np.float64]


def mono(audio: Audio) -> Floats:
    """[T] at RATE_HZ, brought to one level. Silence stays silence."""
    samples = audio.samples.mean(axis=0, dtype=np.float64)
    if audio.sample_rate != RATE_HZ:
        samples = soxr.resample(samples, audio.sample_rate, RATE_HZ)
    level = float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
    return np.asarray(samples * (10 ** (LEVEL_DB / 20) / level)) if level > 1e-9 else np.zeros_like(samples)


def powers(samples: Floats) -> Floats:
    """Samples [T] at RATE_HZ -> the bands' powers [F, BANDS]; at least one frame."""
    padded = np.pad(samples, (0, max(0, WINDOW - samples.size)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    shape = np.hanning(WINDOW + 1)[:-1] / (WINDOW / 4)
    blocks = [
        np.abs(np.fft.rfft(frames[at : at + _BLOCK] * shape)) ** 2 @ _bands()
        for at in range(0, len(frames), _BLOCK)
    ]
    found: Floats = np.concatenate(blocks)
    return found


def log_mel(audio: Audio) -> Floats:
    """Decibels [F, BANDS] of a clip at one level."""
    return np.asarray(10 * np.log10(powers(mono(audio)) + FLOOR))


def seconds(loud: Floats) -> Floats:
    """Decibels [F, BANDS] -> features of every second, half overlapping [W, FEATURES], of about unit size.

    Of each band: its mean, its deviation, how much it moves in a frame, and how far its peak stands out.
    """
    if len(loud) < SECOND:
        loud = np.pad(loud, ((0, SECOND - len(loud)), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(loud, SECOND, axis=0)[::STEP]  # [W, BANDS, SECOND]
    means = windows.mean(axis=2)
    parts = (
        (means + 50) / 15,
        (windows.std(axis=2) - 4) / 3,
        (np.abs(np.diff(windows, axis=2)).mean(axis=2) - 2) / 1.5,
        (windows.max(axis=2) - means - 8) / 6,
    )
    return np.concatenate(parts, axis=1)


@lru_cache(1)
def _bands() -> Floats:
    """Triangles, evenly apart in mel (O'Shaughnessy), each of unit sum [bins, BANDS]."""
    low, high = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    bands: Floats = np.maximum(0, np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)))
    near = np.abs(hz - middle).argmin(axis=0)
    bands[near, np.arange(BANDS)] = np.maximum(bands[near, np.arange(BANDS)], 1e-3)  # none is empty
    bands /= bands.sum(axis=0)
    return bands
