"""Codes to sound, judged by transformers' EnCodec and in pieces by itself."""

from __future__ import annotations

import numpy as np
import pytest

FRAMES = 170  # more than two windows
# One frame alone is multiplied by matrix-vector kernels, whose order of sums costs muscgen-tiny (large
# offsets that cancel) 1.1e-4 against float64; any two frames are within 1e-5.
ALONE = 2e-4


def random_codes(rng, backend, frames):
    return rng.integers(0, backend.shape.vocabulary, (backend.shape.codebooks, frames), dtype=np.int32)


def whole(backend, codes):
    return backend.open_codec().push(codes, last=True)


def in_pieces(backend, codes, sizes):
    stream, pieces, at = backend.open_codec(), [], 0
    for size in sizes:
        pieces.append(stream.push(codes[:, at : at + size], last=False))
        at += size
    pieces.append(stream.push(codes[:, at:], last=True))
    return np.concatenate(pieces, axis=1)


@pytest.mark.oracle
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7, FRAMES])
def test_decoding_gives_the_samples_of_transformers(any_backend, any_oracle, rng, frames):
    import torch

    codes = random_codes(rng, any_backend, frames)
    channels = any_backend.shape.channels
    by_channel = [torch.from_numpy(codes[c::channels].astype(np.int64))[None, None] for c in range(channels)]
    with torch.no_grad():
        theirs = [
            any_oracle.audio_encoder.decode(part, [None]).audio_values[0, 0].numpy() for part in by_channel
        ]
    ours = whole(any_backend, codes)
    assert ours.shape == (channels, frames * any_backend.shape.hop)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.stack(theirs), atol=ALONE if frames == 1 else 1e-4, rtol=0)


@pytest.mark.parametrize(
    "sizes", [[1] * FRAMES, [25] * 6, [1, 2, 3, 4, 60, 0, 0, 100], [169], [FRAMES], [3, 1, 1], [0]]
)
def test_pieces_of_any_size_give_the_whole(any_backend, rng, sizes):
    codes = random_codes(rng, any_backend, FRAMES)
    np.testing.assert_allclose(
        in_pieces(any_backend, codes, sizes), whole(any_backend, codes), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6])
def test_short_songs_give_the_whole_frame_by_frame(any_backend, rng, frames):
    codes = random_codes(rng, any_backend, frames)
    ours = in_pieces(any_backend, codes, [1] * frames)
    np.testing.assert_allclose(ours, whole(any_backend, codes), atol=1e-4, rtol=0)


def test_a_song_of_no_frames_is_no_sound(any_backend):
    codes = np.zeros((any_backend.shape.codebooks, 0), np.int32)
    assert whole(any_backend, codes).shape == (any_backend.shape.channels, 0)


def test_samples_come_a_few_frames_after_their_codes(any_backend, rng):
    stream = any_backend.open_codec()
    samples = stream.push(random_codes(rng, any_backend, 25), last=False)
    assert samples.shape[1] >= 20 * any_backend.shape.hop


def test_two_songs_decoded_in_turns_do_not_touch_each_other(any_backend, rng):
    one, two = (random_codes(rng, any_backend, 40) for _ in range(2))
    streams = any_backend.open_codec(), any_backend.open_codec()
    first = [
        stream.push(codes[:, :20], last=False) for stream, codes in zip(streams, (one, two), strict=True)
    ]
    rest = [stream.push(codes[:, 20:], last=True) for stream, codes in zip(streams, (one, two), strict=True)]
    for start, end, codes in zip(first, rest, (one, two), strict=True):
        np.testing.assert_allclose(
            np.concatenate([start, end], axis=1), whole(any_backend, codes), atol=1e-4, rtol=0
        )
