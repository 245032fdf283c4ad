import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from muscgen.engine.delay import DelayPattern

SPECIAL = 9


def test_the_picture():
    codes = np.arange(12, dtype=np.int32).reshape(4, 3)
    track = DelayPattern((0, 1, 2, 3), 3).apply(codes, special=-1)
    assert track.T.tolist() == [
        [0, 1, 2, -1, -1, -1],
        [-1, 3, 4, 5, -1, -1],
        [-1, -1, 6, 7, 8, -1],
        [-1, -1, -1, 9, 10, 11],
    ]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(1, 40))
def test_what_is_delayed_can_be_read_back(delays, frames):
    pattern = DelayPattern(tuple(delays), frames)
    codes = np.random.default_rng(0).integers(0, SPECIAL, (len(delays), frames), dtype=np.int32)
    track = pattern.apply(codes, SPECIAL)
    assert track.shape == (frames + max(delays), len(delays))
    assert np.array_equal(pattern.frames_of(track, 0, frames), codes)
    assert np.array_equal(track != SPECIAL, pattern.has_code())


def test_a_frame_is_certain_when_its_slowest_codebook_is_there():
    pattern = DelayPattern((0, 1, 2, 3), 3)
    assert [pattern.certain_frames(steps) for steps in range(7)] == [0, 0, 0, 0, 1, 2, 3]
