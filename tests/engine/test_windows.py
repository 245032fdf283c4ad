"""Songs longer than a window: the policy alone, then the songs that follow from it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from songs import made, running, song
from tiny_numpy import TINY, NumpyBackend

from muscgen.engine.windows import Window, remaining, windows
from muscgen.errors import DurationTooLong, PromptTooLong
from muscgen.request import LongForm, Section

LONG = LongForm(window_s=0.6, stride_s=0.36)  # 30 and 18 frames
SIZES = st.integers(2, 40).flatmap(lambda window: st.tuples(st.just(window), st.integers(1, window - 1)))


@given(st.integers(1, 400), SIZES)
def test_windows_cover_the_song_and_none_is_too_many(frames, sizes):
    window, stride = sizes
    plan = windows((frames,), window, window - stride)
    assert (plan[0].start, plan[-1].stop) == (0, frames)
    for before, after in pairwise(plan):
        assert before.frames == window
        assert after.start == before.start + stride
        assert after.stop > before.stop


@given(st.integers(1, 400), SIZES, st.data())
def test_a_resumed_song_begins_where_a_prompt_is_known(frames, sizes, data):
    known = data.draw(st.integers(0, frames))
    plan = windows((frames,), sizes[0], sizes[0] - sizes[1])
    left = remaining(plan, known)
    assert left == plan[len(plan) - len(left) :]
    assert left[0].start <= known
    assert left[0].stop > known or len(left) == 1


@given(st.lists(st.integers(1, 90), min_size=1, max_size=5), SIZES)
def test_no_window_reaches_beyond_the_end_of_a_section(lengths, sizes):
    window, stride = sizes
    ends = np.cumsum(lengths).tolist()
    plan = windows(ends, window, window - stride)
    assert (plan[0].start, plan[-1].stop) == (0, ends[-1])
    assert set(ends) <= {part.stop for part in plan}
    for before, after in pairwise(plan):
        assert after.start == max(0, before.stop - (window - stride))
        assert before.stop < after.stop <= after.start + window


def test_the_windows_of_the_picture():
    assert windows((20,), 10, 4) == (Window(0, 10), Window(6, 16), Window(12, 20))


def test_a_long_song_is_exact_and_counts_every_step():
    with running(NumpyBackend()) as engine:
        handle = engine.submit(song(duration_s=3.3, long_form=LONG))
        whole = handle.result(30)
    frames = [window.frames for window in windows((165,), 30, 12)]
    assert whole.codes.shape == (4, 165)
    assert whole.audio.samples.shape == (1, 3300)
    assert whole.steps == sum(frames) + 3 * len(frames) == handle.progress.steps_total
    assert whole.codes.max() < TINY.special


def test_the_first_window_is_that_of_a_short_song_and_the_next_continues_it():
    with running(NumpyBackend()) as engine:
        long = made(engine, song(duration_s=1.0, long_form=LONG)).codes
        short = made(engine, song(duration_s=0.6)).codes
        whole = made(engine, song(duration_s=1.0)).codes
    assert np.array_equal(long[:, :30], short)
    assert not np.array_equal(long, whole)  # which remembers all of its beginning


def test_a_song_may_be_longer_than_the_slab_but_a_window_may_not():
    with running(NumpyBackend()) as engine:
        assert made(engine, song(duration_s=10, long_form=LONG)).audio.duration_s == 10
        with pytest.raises(DurationTooLong) as refusal:
            engine.submit(song(duration_s=10, long_form=LongForm(window_s=3, stride_s=2)))
    assert refusal.value.param == "long_form.window"


def test_the_codec_hears_a_long_song_as_one_stream():
    backend = NumpyBackend()
    with running(backend, chunk_s=0.1) as engine:
        long = made(engine, song(duration_s=1.234, long_form=LONG))
    whole = backend.open_codec().push(long.codes, last=True)
    assert np.allclose(long.audio.samples, whole[:, :1234], atol=1e-4)


def in_sections(*sections, **more):
    parts = tuple(Section(prompt=prompt, duration_s=seconds) for prompt, seconds in sections)
    total_s = sum(part.duration_s for part in parts)
    return song(prompt=None, duration_s=total_s, sections=parts, **more)


@pytest.mark.parametrize("long_form", [None, LONG])
def test_a_prompt_holds_from_the_first_frame_of_its_section(long_form):
    with running(NumpyBackend()) as engine:
        both = made(engine, in_sections(("harp", 1.0), ("techno", 1.2), long_form=long_form)).codes
        harp = made(engine, song(prompt="harp", duration_s=2.2, long_form=long_form)).codes
        same = made(engine, in_sections(("harp", 1.0), ("harp", 1.2), long_form=long_form)).codes
    changed = np.flatnonzero((both != harp).any(axis=0))
    assert changed[0] >= 50 - 3  # the later codebooks of the last frames are drawn while the first go on
    assert len(changed) > 40
    assert np.array_equal(same, harp)


def test_songs_with_sections_and_windows_do_not_depend_on_their_neighbours():
    songs = [
        in_sections(("harp", 1.0), ("techno", 1.0), long_form=LONG),
        song(duration_s=2.0, seed=5),
        song(duration_s=2.9, seed=6, long_form=LONG, guidance_scale=1.0),
        song(prompt=None, duration_s=0.61, seed=7, long_form=LONG, guidance_scale=1.0),
        in_sections(("harp", 1.0), ("drums", 1.1), seed=8, negative_prompt="noise"),
    ]
    with running(NumpyBackend()) as engine:
        crowd = [handle.result(30).codes for handle in [engine.submit(each) for each in songs]]
    for each, codes in zip(songs, crowd, strict=True):
        with running(NumpyBackend(rows=2)) as engine:
            assert np.array_equal(made(engine, each).codes, codes)


def test_without_a_prompt_a_song_has_one_row_and_reads_no_text():
    backend = NumpyBackend()
    rows = []
    backend.before_step = lambda tokens, _: rows.append(len(tokens))
    with running(backend) as engine:
        made(engine, song(prompt=None, guidance_scale=1.0))
    assert set(rows) == {1}
    assert backend.encoded == []


def test_a_long_song_is_cancelled_between_its_windows():
    with running(NumpyBackend()) as engine:
        handle = engine.submit(song(duration_s=100, long_form=LONG))
        next(handle.chunks(30))
        handle.cancel()
        assert made(engine, song()).audio.duration_s == 0.4
        assert engine.free == 4


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (in_sections(("harp", 1.0), ("la " * 17, 1.0)), "sections.1.prompt"),
        (song(negative_prompt="la " * 17), "negative_prompt"),
        (song(prompt="la " * 17), "prompt"),
    ],
)
def test_a_prompt_of_too_many_tokens_is_named(asked, param):
    with running(NumpyBackend()) as engine, pytest.raises(PromptTooLong) as refusal:
        made(engine, asked)
    assert refusal.value.param == param
