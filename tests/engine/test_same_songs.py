"""A song's codes depend on the song alone: bit for bit, in any company and any order."""

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import LIMIT_S, running, sampling
from tiny_numpy import NumpyBackend

from muscgen.engine import Song
from muscgen.errors import Cancelled

SONGS = st.builds(
    Song,
    prompt=st.sampled_from(["slow piano", "techno", "harp"]),
    negative_prompt=st.sampled_from([None, "drums"]),
    duration_s=st.floats(0.02, 0.8),
    seed=st.integers(0, 2**64 - 1),
    sampling=st.builds(
        sampling,
        temperature=st.sampled_from([0.2, 1.0, 3.0]),
        top_k=st.sampled_from([0, 1, 5, 250]),
        top_p=st.sampled_from([0.0, 0.6, 0.95]),
        guidance_scale=st.sampled_from([1.0, 3.0, 7.5]),
    ),
    attempt=st.integers(0, 2),
)
PLANS = st.lists(
    st.tuples(SONGS, st.booleans(), st.integers(0, 30)), min_size=2, max_size=9
)  # song, whether it is cancelled, steps before the next one comes


def alone(song):
    with running(NumpyBackend(rows=2)) as engine:
        return engine.submit(song).result(LIMIT_S).codes


def in_company(plan, slots):
    """The codes of each song, None where it was cancelled in time."""
    with running(NumpyBackend(rows=2 * slots)) as engine:
        handles = [submit_then_pause(engine, song, pause) for song, _, pause in plan]
        for handle, (_, cancelled, _) in zip(handles, plan, strict=True):
            if cancelled:
                handle.cancel()
        return [codes_of(handle) for handle in handles]


def submit_then_pause(engine, song, pause):
    handle = engine.submit(song)
    until = engine.steps + pause
    while engine.steps < until and not handle.done:
        time.sleep(0)
    return handle


def codes_of(handle):
    try:
        return handle.result(LIMIT_S).codes
    except Cancelled:
        return None


@settings(max_examples=25, deadline=None)
@given(PLANS, st.integers(1, 4))
def test_a_song_does_not_depend_on_its_neighbours(plan, slots):
    for (song, cancelled, _), codes in zip(plan, in_company(plan, slots), strict=True):
        assert cancelled or codes is not None
        assert codes is None or np.array_equal(codes, alone(song))
