"""What is heard in a finished song: its tempo and its key.

tempo   the rise of 24 bands' loudness every 10 ms is compared with itself after a while (autocorrelation);
        a beat is the time after which it is most like itself, and again after two, three and four of them.
        Times near 110 bpm are likelier (the resonance of Van Noorden and Moelants, 1999).
key     strengths of the 12 pitch classes against the profiles of Albrecht and Shanahan (2013), by
        Krumhansl's algorithm: the likeliest key is the one whose profile correlates best.

Both were chosen on 60 songs whose tempo and key are known (docs/log.md).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio

RATE_HZ = 16_000
SHORTEST_S = 4.0  # four beats at 60 bpm
LONGEST_S = 120.0  # of a longer song the beginning is heard
_HOP = 160
_WINDOW = 1_024
_BANDS = 24
_BLOCK = 512  # frames at once
_SLOWEST_BPM, _FASTEST_BPM = 50.0, 210.0
_LIKELIEST_BPM, _OCTAVES = 110.0, 0.9
_BEATS = 4
_DETAIL = 100.0  # what is a hundredth of the song's level is still heard to rise
_RISE = 0.4  # log loudness in a hop, on the whole; less is a steady tone
_PULSE = 0.1  # of the whole; less is no pulse: a drone, a rubato

_PITCH_WINDOW = 4_096
_PITCH_HOP = 2_048
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 1_000.0
_CLEAR = 0.5  # correlation; noise and drums alone stay below
_CHORD = 3  # pitch classes that must sound before there is a key
_SOUNDS = 0.05  # of the strongest pitch class
_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)

Floats = NDArray[np.float64]


def heard(audio: Audio) -> tuple[float | None, str | None]:
    """Beats a minute and key ("A minor"); None where there is no pulse, no key, or too little to hear."""
    if audio.duration_s < SHORTEST_S:
        return None, None
    mono = audio.samples[:, : round(LONGEST_S * audio.sample_rate)].mean(axis=0, dtype=np.float64)
    samples = soxr.resample(mono, audio.sample_rate, RATE_HZ) if audio.sample_rate != RATE_HZ else mono
    return tempo_of(samples), key_of(samples)


def tempo_of(samples: Floats) -> float | None:
    """Beats a minute in mono sound [T] at RATE_HZ."""
    rises = _rises(samples)
    alike = _alike(rises)
    if alike is None:
        return None
    bpm = np.exp(np.linspace(np.log(_SLOWEST_BPM), np.log(_FASTEST_BPM), 600))
    beat = 60 * RATE_HZ / _HOP / bpm  # in hops
    count = np.arange(1, _BEATS + 1)
    steps = np.arange(alike.size)
    pulse = np.interp(np.outer(beat, count), steps, alike, right=0.0).mean(axis=1)
    likely = np.exp(-0.5 * (np.log2(bpm / _LIKELIEST_BPM) / _OCTAVES) ** 2)
    best = int((pulse * likely).argmax())
    return round(float(bpm[best]), 1) if pulse[best] > _PULSE else None


def key_of(samples: Floats) -> str | None:
    """The key in mono sound [T] at RATE_HZ."""
    energies = _energies(samples, _PITCH_HOP, _pitch_classes())
    whole = energies.sum(axis=0)
    if (whole > _SOUNDS * max(whole.max(), 1e-9)).sum() < _CHORD:
        return None
    strengths = (energies**0.25).sum(axis=0)  # so that loud notes do not outvote the others
    deviation = strengths - strengths.mean()
    likeness = key_profiles() @ (deviation / np.linalg.norm(deviation))
    best = int(likeness.argmax())
    return f"{_NAMES[best % 12]} {'major' if best < 12 else 'minor'}" if likeness[best] > _CLEAR else None


def _energies(samples: Floats, hop: int, filters: Floats) -> Floats:
    """Energies of Hann windows through filters [window / 2 + 1, F] -> [frames, F]."""
    window = 2 * (len(filters) - 1)
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    shape = np.hanning(window + 1)[:-1]
    blocks = [
        np.abs(np.fft.rfft(frames[at : at + _BLOCK] * shape)) ** 2 @ filters
        for at in range(0, len(frames), _BLOCK)
    ]
    energies: Floats = np.concatenate(blocks)
    return energies


def _rises(samples: Floats) -> Floats:
    """How much louder the bands became, a value a hop, around its local mean."""
    level = max(float(np.sqrt(np.mean(samples**2))), 1e-6)
    loudness = np.log1p(_DETAIL / level * np.sqrt(_energies(samples, _HOP, _bands())))
    rises: Floats = np.maximum(np.diff(loudness, axis=0), 0).sum(axis=1)
    around = np.ones(100) / 100  # a second
    rises -= np.convolve(rises, around, mode="same")
    return rises


def _alike(rises: Floats) -> Floats | None:
    """Autocorrelation by lag, 1 at none; each lag by the number of its pairs."""
    size = 2 * rises.size
    spectrum = np.abs(np.fft.rfft(rises, size)) ** 2
    whole = np.fft.irfft(spectrum)[: rises.size]
    if whole[0] < rises.size * _RISE**2:
        return None
    alike: Floats = whole / whole[0] * rises.size / np.arange(rises.size, 0, -1)
    return alike[: rises.size * 3 // 4]


@lru_cache(1)
def _bands() -> Floats:
    """Triangles, evenly apart in log frequency from 40 Hz to 7 kHz [bins, bands]."""
    edges = np.geomspace(40, 7_000, _BANDS + 2)
    hz = np.fft.rfftfreq(_WINDOW, 1 / RATE_HZ)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    bands: Floats = np.maximum(0, np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)))
    bands /= np.maximum(bands.sum(axis=0), 1e-9)
    return bands


@lru_cache(1)
def _pitch_classes() -> Floats:
    """Bins of the spectrum to pitch classes, C first [bins, 12]."""
    hz = np.fft.rfftfreq(_PITCH_WINDOW, 1 / RATE_HZ)
    inside = (hz >= _LOWEST_HZ) & (hz <= _HIGHEST_HZ)
    pitch = 69 + 12 * np.log2(np.where(inside, hz, 440.0) / 440)
    away = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    return np.exp(-0.5 * (away / 0.3) ** 2) * inside[:, None]


@lru_cache(1)
def key_profiles() -> Floats:
    """12 major and 12 minor keys, each of length one around its mean [24, 12]."""
    rows = np.stack([np.roll(profile, key) for profile in (_MAJOR, _MINOR) for key in range(12)])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
