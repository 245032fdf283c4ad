"""Where a watermark lies: a grid of cells over time and frequency, the same at every sample rate.

All work is done on a copy at 16 kHz, in frames of 32 ms, half overlapping. A cell is 4 frames (64 ms) by 3
bins (94 Hz); 72 bands from 250 Hz to 7 kHz by 64 cells are a block of 4.1 s. Every cell is made a little
louder or softer, as key, song and place say (pattern.py):

    7 kHz   . - + . s + - .     s  sync: known to whoever has the key; they tell where a block begins
            - s . + - . . e     .  payload: each of its symbols stands on eight cells all over the block
    250 Hz  s . - . e + s .     e  seal: they follow from key and payload, and say whether it was read right
            time, 64 ms a cell

Eight blocks that differ are a round of 33 s, and a key has 64 rounds that differ: a song has one of them.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio

RATE = 16_000  # Hz
FRAME = 512  # samples
HOP = 256
CELL_FRAMES = 4
CELL_S = CELL_FRAMES * HOP / RATE
CELLS = 64  # a block
BLOCKS = 8  # a round
ROUND = BLOCKS * CELLS
ROUNDS = 64  # a key
BANDS = 72
BAND_BINS = 3
FIRST_BIN = 8
BINS = slice(FIRST_BIN, FIRST_BIN + BANDS * BAND_BINS)
WINDOW = np.sqrt(np.hanning(FRAME + 1)[:FRAME]).astype(np.float32)  # its square sums to one at half overlap

Floats = NDArray[np.float32]
Spectra = NDArray[np.complex64]


def spectra(samples: Floats, hop: int) -> Spectra:
    """Samples [T] at RATE -> spectra [frames, FRAME / 2 + 1] of whole frames, every `hop` samples."""
    if samples.size < FRAME:
        return np.zeros((0, FRAME // 2 + 1), np.complex64)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::hop]
    return np.fft.rfft(frames * WINDOW, axis=1).astype(np.complex64, copy=False)


def at_grid_rate(audio: Audio) -> Floats:
    """The sound's copy at RATE [C, T]."""
    if audio.sample_rate == RATE:
        return audio.samples
    resampled = soxr.resample(audio.samples.T, audio.sample_rate, RATE, quality="HQ")
    return np.ascontiguousarray(resampled.reshape(-1, audio.channels).T, np.float32)
