"""Sounds whose loudness, peaks and spectra are known."""

from __future__ import annotations

import numpy as np

from muscgen.audio import Audio


def sine(
    hz: float, *, peak_db: float = 0.0, seconds: float = 5.0, rate: int = 48_000, channels: int = 1, phase=0.0
):
    t = np.arange(round(seconds * rate)) / rate
    wave = 10 ** (peak_db / 20) * np.sin(2 * np.pi * hz * t + phase)
    return Audio(np.tile(wave.astype(np.float32), (channels, 1)), rate)


def noise(
    *, level: float = 0.1, seconds: float = 5.0, rate: int = 48_000, channels: int = 1, seed: int = 0
) -> Audio:
    samples = np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return Audio((level * samples).astype(np.float32), rate)


def music(*, seconds: float = 4.0, rate: int = 32_000, channels: int = 1, level: float = 0.3) -> Audio:
    """Plucked chords with beats of noise: peaks well above the mean, and something in every band."""
    t = np.arange(round(seconds * rate)) / rate
    since = t % 0.5
    tones = sum(np.sin(2 * np.pi * hz * t) for hz in (110, 277.2, 329.6, 880, 1760)) * np.exp(-4 * since)
    beats = np.random.default_rng(3).standard_normal(t.size) * np.exp(-40 * since)
    wave = level * (tones / 3 + beats / 2) / 2
    return Audio(np.stack([wave * (1 - 0.3 * c) for c in range(channels)]).astype(np.float32), rate)


def scaled(audio: Audio, gain) -> Audio:
    return Audio((audio.samples * gain).astype(np.float32), audio.sample_rate)
