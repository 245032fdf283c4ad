"""Where a watermark lies: a grid of cells over time and frequency, the same at every sample rate.

All work is done on a copy at 16 kHz, in frames of 32 ms, half overlapping. A cell is 4 frames (64 ms) by 3
bins (94 Hz); 72 bands from 250 Hz to 7 kHz by 64 cells are a period of 4.1 s, which repeats. Every cell is
made a little louder or softer, as the key says:

    7 kHz   + - + + - + - -          a quarter of the cells are known to whoever has the key: they tell where
            - s + - s + - s          the period begins (s); the others carry the payload's symbols, each of
    250 Hz  s + - - + s + -          them on eight cells all over the period.
            time, 64 ms a cell
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.provenance.watermark import code

RATE = 16_000  # Hz
FRAME = 512  # samples
HOP = 256
CELL_FRAMES = 4
CELLS = 64  # a period
BANDS = 72
BAND_BINS = 3
FIRST_BIN = 8
BINS = slice(FIRST_BIN, FIRST_BIN + BANDS * BAND_BINS)
PERIOD_S = CELLS * CELL_FRAMES * HOP / RATE
WINDOW = np.sqrt(np.hanning(FRAME + 1)[:FRAME]).astype(np.float32)  # its square sums to one at half overlap

_SYNC_SHARE = 4  # one cell of so many
_LABEL = b"muscgen watermark 1"

Floats = NDArray[np.float32]
Cells = NDArray[np.float64]  # [CELLS, BANDS]
Spectra = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One key's plan of a period."""

    signs: Cells  # -1 or 1 everywhere
    sync: Cells  # the signs of the known cells, 0 elsewhere
    symbols: NDArray[np.int64]  # which symbol a cell carries; -1 for the known ones

    def with_payload(self, payload: bytes) -> Cells:
        """-1 or 1: what becomes of each cell when it says this payload."""
        spoken = code.encode(payload)[self.symbols.clip(0)] * self.signs
        return np.where(self.symbols < 0, self.sync, spoken)

    def soft_symbols(self, heard: Cells) -> Cells:
        """Sums over the cells of each symbol [SYMBOLS]."""
        carrying = self.symbols >= 0
        sums = np.zeros(code.SYMBOLS)
        np.add.at(sums, self.symbols[carrying], (heard * self.signs)[carrying])
        return sums


@lru_cache(64)
def pattern(secret: bytes) -> Pattern:
    """The plan that this secret makes, the same for ever: drawn from SHAKE-256, not from a library's dice."""
    count = CELLS * BANDS
    stream = hashlib.shake_256(_LABEL + len(secret).to_bytes(4) + secret).digest(9 * count)
    order = np.argsort(np.frombuffer(stream, "<u8", count), kind="stable")
    signs = np.where(np.frombuffer(stream, np.uint8)[8 * count :] & 1, 1.0, -1.0)
    known = order[: count // _SYNC_SHARE]
    sync, symbols = np.zeros(count), np.full(count, -1)
    sync[known] = signs[known]
    carrying = order[known.size :]
    symbols[carrying] = np.arange(carrying.size) % code.SYMBOLS
    shape = CELLS, BANDS
    return Pattern(signs.reshape(shape), sync.reshape(shape), symbols.reshape(shape))


def spectra(samples: Floats, hop: int) -> Spectra:
    """Samples [T] at RATE -> spectra [frames, FRAME / 2 + 1] of whole frames, every `hop` samples."""
    if samples.size < FRAME:
        return np.zeros((0, FRAME // 2 + 1), np.complex128)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::hop]
    return np.fft.rfft(frames * WINDOW, axis=1)


def at_grid_rate(audio: Audio) -> Floats:
    """The sound's copy at RATE [C, T]."""
    if audio.sample_rate == RATE:
        return audio.samples
    resampled = soxr.resample(audio.samples.T, audio.sample_rate, RATE, quality="HQ")
    return np.ascontiguousarray(resampled.reshape(-1, audio.channels).T, np.float32)
