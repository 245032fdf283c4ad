"""Music enough for fingerprints: chords of a seed, and what encoders and people do to it."""

from __future__ import annotations

import io

import numpy as np
import soundfile

RATE = 22_050


def music(seed, seconds=20.0):
    """float64 [T]: four partials of new chords every third of a second."""
    rng = np.random.default_rng(seed)
    length = round(seconds * RATE)
    t = np.arange(length) / RATE
    out = np.zeros(length)
    for start in range(0, length, RATE // 3):
        stretch = slice(start, start + RATE // 3)
        for note in rng.choice(36, 4, replace=False):
            pitch = 110 * 2 ** (note / 12)
            fade = np.exp(-4 * (t[stretch] - t[start]))
            out[stretch] += fade * sum(np.sin(2 * np.pi * pitch * k * t[stretch]) / k for k in (1, 2, 3, 4))
    return 0.1 * out


def encoded(samples, kind="WAV", rate=RATE, **options):
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, **options)
    return out.getvalue()


def mp3(samples):
    return encoded(samples, "MP3", subtype="MPEG_LAYER_III", compression_level=0.9)
