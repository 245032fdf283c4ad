"""Small music for tests: every seed is a tune of its own, heard the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def tune(seed: int, seconds: float = 2.0, rate: int = 22_050, channels: int = 1) -> np.ndarray:
    """float32 [T, C]: notes of an eighth of a second with overtones, and a little noise."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    notes = rng.integers(0, 24, round(seconds * 8) + 1)
    hz = 220 * 2 ** (notes[(time * 8).astype(int)] / 12)
    phase = 2 * np.pi * np.cumsum(hz) / rate
    sound = 0.25 * np.sin(phase) + 0.12 * np.sin(2 * phase) + 0.06 * np.sin(3 * phase)
    sound = sound * np.exp(-4 * ((time * 8) % 1)) + 0.003 * rng.standard_normal(count)
    return np.repeat(sound[:, None], channels, axis=1).astype(np.float32)


def write(path: Path, seed: int, seconds: float = 2.0, rate: int = 22_050, channels: int = 1) -> Path:
    """The tune as a file whose ending names the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tune(seed, seconds, rate, channels), rate)
    return path
