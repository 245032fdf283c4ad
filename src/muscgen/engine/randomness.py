"""Randomness as a function: the draw for a code depends on (seed, attempt, frame, codebook) and nothing else.

Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): a keyed bijection of
128-bit counters, so any draw can be had without the ones before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]  # 32-bit words, held in 64 bits so that their products fit

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


def philox(counter: tuple[Words, Words, Words, Words], key: int) -> tuple[Words, Words, Words, Words]:
    """Four words of counter, each an array of one shape -> four random words of that shape. key: 64 bits."""
    a, b, c, d = counter
    low, high = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (right >> _HALF) ^ b ^ np.uint64(low),
            right & _LOW,
            (left >> _HALF) ^ d ^ np.uint64(high),
            left & _LOW,
        )
        low, high = (low + _WEYL[0]) & 0xFFFFFFFF, (high + _WEYL[1]) & 0xFFFFFFFF
    return a, b, c, d


def uniforms(seed: int, frames: NDArray[np.int64], codebooks: int, attempt: int = 0) -> NDArray[np.float64]:
    """Frames [..., K] (of each codebook's code) -> uniform numbers in [0, 1) of 53 bits, [..., K].

    seed: 64 bits. The counter is (frame, codebook, attempt, 0).
    """
    frame = frames.astype(np.uint64) & _LOW
    codebook = np.broadcast_to(np.arange(codebooks, dtype=np.uint64), frame.shape)
    again = np.full(frame.shape, attempt, np.uint64)
    high, low, _, _ = philox((frame, codebook, again, np.zeros_like(frame)), seed)
    mantissa = (high >> np.uint64(5) << np.uint64(26)) | (low >> np.uint64(6))
    return mantissa.astype(np.float64) * 2.0**-53
