"""Sound to codes: EnCodec's encoder in windows, and its residual vector quantiser.

samples ──windows of whole frames──► convolutions ──► hidden frames ──► LSTM, last convolution ──► vectors
vectors ──► nearest code of the first table; what is left of them ──► nearest of the second; and so on

A window brings along what its frames depend on at either side; only the clip's own ends are mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Samples
from muscgen.errors import InvalidRequest
from muscgen.models.config import CodecConfig

Floats = NDArray[np.float32]
WINDOW_FRAMES = 64  # 1.3 s: some 40 MB of activations at small's size
_QUANTISED_FRAMES = 512  # distances to all codes at once: 4 MB


@dataclass(frozen=True, slots=True, eq=False)
class Ear:
    """What a backend runs, and the quantiser's tables.

    hidden: samples [C, T] -> [C, H, ceil(T / hop)], both ends taken for the clip's own.
    vectors: hidden [C, H, F] of a whole clip -> [C, W, F].
    tables: [codes, W] for each codebook of a channel.
    """

    hidden: Callable[[Samples], Floats]
    vectors: Callable[[Floats], Floats]
    tables: Sequence[Floats]


def encode_audio(codec: CodecConfig, ear: Ear, samples: Samples, channels: int) -> Codes:
    """Sound [C, T] -> codes [K, ceil(T / hop)]; the codebooks of a stereo model alternate left and right.

    Raises InvalidRequest for a clip that is too short to be mirrored at its ends, ValueError for another
    number of channels.
    """
    if samples.ndim != 2 or len(samples) != channels:
        raise ValueError(f"the model hears {channels} channels, not samples of {samples.shape}")
    shortest = codec.last_kernel * codec.hop
    if samples.shape[1] < shortest:
        raise InvalidRequest(
            f"the clip has {samples.shape[1] / codec.sample_rate:.3f} s; the codec needs "
            f"{shortest / codec.sample_rate:g} s or more",
            param="conditioning.prompt_audio",
        )
    vectors = vectors_of(codec, ear, samples)
    by_channel = np.stack([_quantised(channel.T, ear.tables) for channel in vectors])  # [C, K / C, F]
    return np.ascontiguousarray(by_channel.swapaxes(0, 1).reshape(-1, vectors.shape[2]))


def vectors_of(codec: CodecConfig, ear: Ear, samples: Samples) -> Floats:
    """Sound [C, T], long enough, -> what the quantiser is given [C, W, ceil(T / hop)]."""
    return ear.vectors(_hidden(codec, ear, samples))


def deaf() -> InvalidRequest:
    """What a model says that is asked to hear and has no encoder."""
    return InvalidRequest(
        "this checkpoint has no encoder, which turns sound into codes: it cannot go on from a clip",
        param="conditioning.prompt_audio",
    )


def _hidden(codec: CodecConfig, ear: Ear, samples: Samples) -> Floats:
    frames, margin = -(-samples.shape[1] // codec.hop), reach(codec)
    pieces = []
    for start in range(0, frames, WINDOW_FRAMES):
        stop = min(start + WINDOW_FRAMES, frames)
        if frames - stop < codec.last_kernel:  # no window is too short to be mirrored
            stop = frames
        first, last = max(0, start - margin), min(frames, stop + margin)
        hidden = ear.hidden(np.ascontiguousarray(samples[:, first * codec.hop : last * codec.hop]))
        pieces.append(hidden[:, :, start - first : stop - first])
        if stop == frames:
            break
    return np.concatenate(pieces, axis=2)


def reach(codec: CodecConfig) -> int:
    """Frames on either side whose samples a frame's convolutions look at."""
    low, high = 0, 0
    for ratio in codec.ratios:
        # Kernel 2r, stride r: output t sees r t - left .. r t - left + 2 r - 1.
        left = ratio - ratio // 2
        low, high = low * ratio - left, high * ratio - left + 2 * ratio - 1
        for j in range(codec.residual_layers):
            margin = (codec.residual_kernel - 1) * codec.dilation_growth**j
            low, high = low - margin, high + margin
    low, high = low - codec.kernel // 2, high + codec.kernel // 2
    return max(-(low // codec.hop), -(-high // codec.hop))


def _quantised(vectors: Floats, tables: Sequence[Floats]) -> Codes:
    """Vectors [F, W] -> codes [tables, F]."""
    pieces = [
        _nearest(vectors[at : at + _QUANTISED_FRAMES], tables)
        for at in range(0, len(vectors), _QUANTISED_FRAMES)
    ]
    return np.concatenate(pieces, axis=1)


def _nearest(left: Floats, tables: Sequence[Floats]) -> Codes:
    codes = []
    for table in tables:
        distance = np.square(table).sum(1) - 2 * left @ table.T
        nearest = distance.argmin(axis=1)
        left = left - table[nearest]
        codes.append(nearest)
    return np.stack(codes).astype(np.int32)
