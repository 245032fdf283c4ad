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
_SHARP = 4.0  # two clips as far apart as tracks are count as e^-4 alike, half as far as e^-1
_STILL = 0.1  # of the usual deviation: what hardly moves in the reference is no yardstick
_EQUAL = 1e-9  # of an embedding's unit: rounding


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
    turned = _in_all_keys(song.tunes)
    tunes = [_alike(turned, track.tunes) for track in tracks]
    recording, tune = int(np.argmin(bits)), int(np.argmax(tunes))
    return Nearest(tracks[recording].name, bits[recording], tracks[tune].name, tunes[tune])


def usual(tracks: Sequence[Print], windows: int, seed: int) -> float | None:
    """How near a piece of a track comes to all the others, in 99 of 100; None of fewer than two with tunes.

    windows: of a piece, as many as a song has; more would find more that is alike.
    """
    tunes = [track.tunes for track in tracks if len(track.tunes)]
    if len(tunes) < 2:
        return None
    draws = np.random.default_rng(seed)
    near = []
    for n in draws.choice(len(tunes), min(_COMPARED, len(tunes)), replace=False):
        first = draws.integers(0, max(0, len(tunes[n]) - windows) + 1)
        turned = _in_all_keys(tunes[n][first : first + windows])
        near.append(max(_alike(turned, other) for m, other in enumerate(tunes) if m != n))
    return float(np.quantile(near, _QUANTILE))


def spread(tracks: Floats) -> Floats | None:
    """How far each number [D] of tracks [N, D] goes; None where they are all alike."""
    if len(tracks) < 2:
        return None
    deviation = tracks.std(axis=0, ddof=1)
    moving = deviation[deviation > _EQUAL]
    return np.maximum(deviation, _STILL * np.median(moving)) if len(moving) else None


def effective_number(vectors: Floats, spread: Floats) -> float:
    """How many different clips there are in effect, 1 to N, of one vector a clip [N, D].

    spread: of the reference, [D]. The Vendi score, the exponential of the entropy of the kernel's
    eigenvalues, over a Gaussian kernel: a cosine would know no size, and tell the noise of N equal clips
    apart. Friedman and Dieng, "The Vendi Score" (TMLR 2023).
    """
    units = (vectors - vectors.mean(axis=0)) / spread
    squares = np.mean(units**2, axis=1)
    apart = squares[:, None] + squares - 2 * units @ units.T / units.shape[1]  # 2 between tracks, in the mean
    values = np.linalg.eigvalsh(np.exp(-_SHARP / 2 * np.maximum(apart, 0)) / len(units))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _in_all_keys(tunes: Floats) -> Floats:
    """[N, frames * 12] -> [12 N, frames * 12]"""
    keyed = tunes.reshape(len(tunes), _FRAMES, 12)
    return np.concatenate([np.roll(keyed, shift, axis=2).reshape(tunes.shape) for shift in range(12)])


def _alike(turned: Floats, other: Floats) -> float:
    """The likeness of the nearest four seconds, of one in all keys."""
    return float((turned @ other.T).max()) if len(turned) and len(other) else 0.0


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
