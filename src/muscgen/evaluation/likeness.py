"""How near songs are to each other, and to what they may have been learnt from.

A recording is known again by its fingerprint (data/fingerprint.py). A tune that was taken over is not: for
that, four seconds of pitch classes are compared in all twelve keys. Music that has nothing to do with each
other is alike in that, too; so what counts is to be nearer than different tracks of the reference are to each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from muscgen.audio import Audio
from muscgen.data.fingerprint import SAME_BITS, Fingerprint, different_bits, fingerprint
from muscgen.evaluation import spectra
from muscgen.evaluation.spectra import Floats

_WINDOW, _HOP = 4_096, 3_200  # 0.26 s every 0.2 s
_FRAMES, _STEP = 20, 5  # four seconds, every second
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 2_000.0
_COMPARED = 100  # tracks of the reference among each other
_QUANTILE = 0.99  # of their likeness: what is above it is near


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """A sound as it is looked for. tunes: pitch classes over time, of length one [N, frames * 12]."""

    name: str
    recording: Fingerprint
    tunes: Floats


@dataclass(frozen=True, slots=True)
class Nearest:
    """To one song, of all tracks. different_bits: 0 the same recording, 0.5 another one; tune: -1 to 1."""

    recording: str
    different_bits: float
    tune_of: str
    tune: float

    @property
    def is_copy(self) -> bool:
        return self.different_bits < SAME_BITS


def printed(name: str, audio: Audio) -> Print:
    return Print(name, fingerprint(audio), _tunes(audio))


def nearest(song: Print, tracks: Sequence[Print]) -> Nearest:
    """Among at least one track."""
    frames = song.recording.frames
    silent = len(np.unique(frames)) < 2  # one silence is as another
    bits = [1.0 if silent else different_bits(track.recording.frames, frames) for track in tracks]
    tunes = [_alike(song.tunes, track.tunes) for track in tracks]
    recording, tune = int(np.argmin(bits)), int(np.argmax(tunes))
    return Nearest(tracks[recording].name, bits[recording], tracks[tune].name, tunes[tune])


def usual(tracks: Sequence[Print], seed: int) -> float | None:
    """How near a track of the reference comes to the others, in 99 of 100; None of one track."""
    if len(tracks) < 2:
        return None
    count = min(_COMPARED, len(tracks))
    chosen = np.random.default_rng(seed).choice(len(tracks), count, replace=False)
    near = [max(_alike(tracks[n].tunes, tracks[m].tunes) for m in chosen if m != n) for n in chosen]
    return float(np.quantile(near, _QUANTILE))


def effective_number(vectors: Floats) -> float:
    """How many different clips there are in effect, 1 to N, of one vector a clip [N, D].

    The Vendi score over cosines: the exponential of the entropy of the kernel's eigenvalues. Friedman and
    Dieng, "The Vendi Score" (TMLR 2023).
    """
    apart = vectors - vectors.mean(axis=0) if len(vectors) > 1 else vectors
    unit = apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12)
    values = np.linalg.eigvalsh(unit @ unit.T / len(unit))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum())) if values.size else 1.0


def _alike(one: Floats, other: Floats) -> float:
    """The likeness of their nearest four seconds, in whichever key."""
    if not len(one) or not len(other):
        return 0.0
    best = -1.0
    for shift in range(12):
        moved = np.roll(one.reshape(len(one), _FRAMES, 12), shift, axis=2).reshape(one.shape)
        best = max(best, float((moved @ other.T).max()))
    return best


def _tunes(audio: Audio) -> Floats:
    samples = spectra.mono(audio)
    if samples.size < _WINDOW + (_FRAMES - 1) * _HOP or not samples.any():
        return np.empty((0, _FRAMES * 12))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    energy = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW))) ** 2 @ _classes()
    chroma = (energy / np.maximum(energy.max(axis=1, keepdims=True), 1e-12)) ** 0.5
    chroma -= chroma.mean(axis=1, keepdims=True)
    windows = np.lib.stride_tricks.sliding_window_view(chroma, _FRAMES, axis=0)[::_STEP]
    flat = windows.swapaxes(1, 2).reshape(len(windows), -1)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))


@lru_cache(1)
def _classes() -> Floats:
    """Bins to pitch classes, C first [bins, 12]."""
    hz = np.fft.rfftfreq(_WINDOW, 1 / spectra.RATE_HZ)
    inside = (hz >= _LOWEST_HZ) & (hz <= _HIGHEST_HZ)
    pitch = 69 + 12 * np.log2(np.where(inside, hz, 440.0) / 440)
    away = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    return np.asarray(np.exp(-0.5 * (away / 0.4) ** 2) * inside[:, None])
