"""The two tables of places that every backend computes alike: the decoder's sinusoids, T5's buckets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muscgen.models.config import TextConfig


def sinusoids(positions: int, width: int) -> NDArray[np.float32]:
    """[positions, width]: cosines, then sines, of frequencies exp(-i ln(10000) / (width / 2 - 1))."""
    half = width // 2
    rate = np.exp(np.arange(half, dtype=np.float32) * np.float32(-np.log(10_000) / (half - 1)))
    angle = np.arange(positions, dtype=np.float32)[:, None] * rate.astype(np.float32)
    return np.concatenate([np.cos(angle), np.sin(angle), np.zeros((positions, width % 2))], axis=1).astype(
        np.float32
    )


def relative_buckets(length: int, text: TextConfig) -> NDArray[np.int64]:
    """T5's bucket of each (query, key), [L, L]: half are for later keys; near ones are exact."""
    places = np.arange(length)
    distance = places[None, :] - places[:, None]
    half = text.buckets // 2
    exact = half // 2
    far = np.log(np.maximum(np.abs(distance), 1).astype(np.float32) / np.float32(exact), dtype=np.float32)
    far = far / np.float32(np.log(text.bucket_distance / exact)) * np.float32(half - exact)
    far_bucket = np.minimum(exact + far.astype(np.int64), half - 1)
    near = np.abs(distance) < exact
    return np.asarray(
        np.where(distance > 0, half, 0) + np.where(near, np.abs(distance), far_bucket), np.int64
    )
