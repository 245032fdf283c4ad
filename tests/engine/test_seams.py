"""Nobody hears where one window ends and the next begins."""

from itertools import pairwise

import numpy as np
import pytest
from seams import FRAME, flux, loudness_change, ranks
from songs import LIMIT_S, running, song
from tiny import MUSCGEN_TINY

from muscgen.audio import Audio
from muscgen.backends.onnx import OnnxBackend
from muscgen.request import LongForm

JOINS = (200, 320, 440, 560)  # frames: windows of 4 s, a stride of 2.4 s
SHORT_WINDOWS = LongForm(window_s=4.0, stride_s=2.4)
PROMPTS = ("calm solo piano, slow", "sad violin over strings in D minor, slow")
# Of 16 joins that are like any other frame, the mean rank is 0.5 within 0.07 (one standard deviation).
SEAMLESS, AUDIBLE = 0.68, 0.75


@pytest.fixture(scope="module")
def pairs():
    """Two songs of each prompt, 13.6 s in five windows."""
    backend = OnnxBackend.load(MUSCGEN_TINY, precision="int8", rows=8)
    knobs = {"temperature": 0.5, "top_k": 30, "guidance_scale": 1.5}
    with running(backend) as engine:
        handles = [
            [engine.submit(song(seed, prompt, 13.6, long_form=SHORT_WINDOWS, **knobs)) for seed in (1, 2)]
            for prompt in PROMPTS
        ]
        yield [[handle.result(LIMIT_S).audio for handle in pair] for pair in handles]
    backend.close()


def alternating(one, other):
    """One song and the other in turn, changing at the joins."""
    edges = pairwise([0, *(join * FRAME for join in JOINS), one.samples.shape[1]])
    pieces = [(one, other)[at % 2].samples[:, start:stop] for at, (start, stop) in enumerate(edges)]
    return Audio(np.concatenate(pieces, axis=1), one.sample_rate)


@pytest.mark.parametrize("change", [flux, loudness_change])
def test_a_join_changes_no_more_than_any_other_frame(pairs, change):
    songs = [audio for pair in pairs for audio in pair]
    assert np.mean([ranks(change(audio), JOINS) for audio in songs]) < SEAMLESS


def test_the_measure_sees_joins_without_a_memory(pairs):
    cut = [alternating(*order) for pair in pairs for order in (pair, pair[::-1])]
    assert np.mean([ranks(flux(audio), JOINS) for audio in cut]) > AUDIBLE


def test_the_measure_sees_joins_where_the_level_jumps(pairs):
    songs = [audio for pair in pairs for audio in pair]
    jumping = [alternating(audio, Audio(audio.samples / 2, audio.sample_rate)) for audio in songs]
    assert np.mean([ranks(loudness_change(audio), JOINS) for audio in jumping]) > AUDIBLE
