"""Which pitch class sounds when: a melody as melody models know it.

As audiocraft's ChromaExtractor computes it (McFee et al., librosa's chroma filter bank): power spectrum of
Hann windows, summed into 12 pitch classes by Gaussian bumps, the strongest one alone kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.backends.base import Melody, MelodyShape

_A0_HZ = 27.5
_CENTRE_OCTAVE, _OCTAVES = 5.0, 2.0  # middle registers count most
_BLOCK_FRAMES = 64

Floats = NDArray[np.float64]


def melody_of(audio: Audio, shape: MelodyShape) -> Melody:
    """The melody of a sound, repeated or cut to the model's length [frames, bins]."""
    chroma = chroma_of(_mono(audio, shape), shape)
    strongest = np.resize(chroma.argmax(axis=1), shape.frames)
    return np.eye(shape.bins, dtype=np.float32)[strongest]


def chroma_of(samples: Floats, shape: MelodyShape) -> Floats:
    """Samples [T] at the shape's rate -> energies [T // hop + 1, bins]. The ends are mirrored."""
    if (missing := shape.n_fft - samples.size) > 0:
        samples = np.pad(samples, (missing // 2, missing - missing // 2))
    padded = np.pad(samples, shape.n_fft // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, shape.n_fft)[:: shape.hop]
    window = np.hanning(shape.n_fft + 1)[:-1]
    filters = filter_bank(shape).T
    blocks = [
        np.abs(np.fft.rfft(frames[at : at + _BLOCK_FRAMES] * window)) ** 2 @ filters
        for at in range(0, len(frames), _BLOCK_FRAMES)
    ]
    return np.concatenate(blocks)


@lru_cache(4)
def filter_bank(shape: MelodyShape) -> Floats:
    """How much each bin of the spectrum says of each pitch class, C first [bins, n_fft / 2 + 1]."""
    bins = shape.bins
    hz = np.linspace(0, shape.sample_rate, shape.n_fft, endpoint=False)[1:]
    places = bins * np.log2(hz / _A0_HZ)  # in pitch classes, over all octaves
    places = np.concatenate([[places[0] - 1.5 * bins], places])  # 0 Hz: an octave and a half below the first
    widths = np.concatenate([np.maximum(np.diff(places), 1.0), [1.0]])
    half = round(bins / 2)
    away = np.subtract.outer(np.arange(bins), places)
    away = np.remainder(-away + half + 10 * bins, bins) - half
    bumps = np.exp(-0.5 * (2 * away / widths) ** 2)
    bumps /= np.sqrt((bumps**2).sum(axis=0))
    bumps *= np.exp(-0.5 * ((places / bins - _CENTRE_OCTAVE) / _OCTAVES) ** 2)
    bank: Floats = np.roll(bumps, -3 * (bins // 12), axis=0)[:, : shape.n_fft // 2 + 1]
    return bank


def _mono(audio: Audio, shape: MelodyShape) -> Floats:
    mixed: Floats = audio.samples.mean(axis=0, dtype=np.float64)
    if audio.sample_rate == shape.sample_rate:
        return mixed
    resampled: Floats = soxr.resample(mixed, audio.sample_rate, shape.sample_rate)
    return resampled
