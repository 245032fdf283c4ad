"""Draws on the device are those of the engine's own sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muscgen.backends.base import Songs
from muscgen.backends.torch.sampler import Sampler
from muscgen.engine.sampling import draw, guide, knobs_of
from muscgen.request import Sampling

CPU = torch.device("cpu")
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.1, 0.7, 1.0, 2.5]),
    top_k=st.sampled_from([0, 1, 2, 7, 50, 64]),
    top_p=st.sampled_from([0.0, 0.05, 0.5, 0.9, 0.999, 1.0]),
    guidance_scale=st.sampled_from([1.0, 1.5, 3.0]),
)


def rows_of(samplings):
    """Guided songs have two rows."""
    conditional, null, row = [], [], 0
    for sampling in samplings:
        conditional.append(row)
        row += 1 if sampling.guidance_scale == 1 else 2
        null.append(row - 1)
    return Songs(np.array(conditional), np.array(null)), row


def both(samplings, logits, uniforms):
    songs, _ = rows_of(samplings)
    knobs = knobs_of(samplings, logits.shape[-1])
    ours = Sampler(CPU)(torch.from_numpy(logits), songs, knobs, uniforms)
    theirs = draw(guide(logits, songs.conditional, songs.null, knobs.scale), knobs, uniforms)
    return ours, theirs


@given(st.lists(SAMPLINGS, min_size=1, max_size=5), st.integers(0, 2**32), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_codes_are_those_of_the_engine(samplings, seed, ties):
    dice = np.random.default_rng(seed)
    logits = dice.normal(0, 3, (rows_of(samplings)[1], 4, 64)).astype(np.float32)
    if ties:
        logits = np.round(logits)
    (codes, sound), (theirs, their_sound) = both(samplings, logits, dice.random((len(samplings), 4)))
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(codes, theirs)
    np.testing.assert_array_equal(sound, their_sound)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_song_that_is_not_finite_is_told_and_harms_no_other(bad):
    samplings = [Sampling(temperature=1.0, top_k=0, top_p=0.0, guidance_scale=1.0)] * 3
    dice = np.random.default_rng(1)
    logits, uniforms = dice.normal(size=(3, 4, 64)).astype(np.float32), dice.random((3, 4))
    clean, _ = both(samplings, logits, uniforms)
    logits[1, 2, 5] = bad
    (codes, sound), _ = both(samplings, logits, uniforms)
    assert sound.tolist() == [True, False, True]
    np.testing.assert_array_equal(codes[[0, 2]], clean[0][[0, 2]])


def test_parameters_are_placed_anew_when_the_batch_changes():
    dice = np.random.default_rng(2)
    logits, uniforms = dice.normal(size=(2, 4, 64)).astype(np.float32), dice.random((2, 4))
    sampler = Sampler(CPU)
    greedy = [Sampling(temperature=1.0, top_k=1, top_p=0.0, guidance_scale=1.0)] * 2
    free = [Sampling(temperature=5.0, top_k=0, top_p=0.0, guidance_scale=1.0)] * 2
    songs, _ = rows_of(greedy)
    first, _ = sampler(torch.from_numpy(logits), songs, knobs_of(greedy, 64), uniforms)
    second, _ = sampler(torch.from_numpy(logits), songs, knobs_of(free, 64), uniforms)
    np.testing.assert_array_equal(first, logits.argmax(-1))
    assert (second != first).any()
