import numpy as np
import pytest
from scipy.stats import kstest

from muscgen.engine.randomness import philox, uniforms


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0_A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers_of_random123(counter, key, expected):
    words = philox(tuple(np.array([word], np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in words) == expected


def grid(frames):
    return np.repeat(np.arange(frames)[:, None], 4, axis=1)


def test_a_draw_does_not_depend_on_which_others_are_made():
    every = uniforms(7, grid(50), 4)
    assert np.array_equal(uniforms(7, grid(50)[20:30], 4), every[20:30])


@pytest.mark.parametrize("other", [{"seed": 8}, {"attempt": 1}, {"seed": 7 + 2**32}])
def test_seed_and_attempt_change_every_draw(other):
    first, second = (
        uniforms(**{"seed": 7, "frames": grid(50), "codebooks": 4} | each) for each in ({}, other)
    )
    assert not (first == second).any()


def test_draws_are_uniform_and_distinct():
    draws = uniforms(3, grid(5000), 4).ravel()
    assert draws.min() >= 0
    assert draws.max() < 1
    assert len(np.unique(draws)) == draws.size
    assert kstest(draws, "uniform").pvalue > 1e-3
