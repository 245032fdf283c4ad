"""A song that goes on from its codes is the song that was never interrupted, bit for bit."""

import threading

import numpy as np
import pytest
from songs import LIMIT_S, made, running, song
from tiny import MUSCGEN_TINY
from tiny_numpy import NumpyBackend

from muscgen.backends.onnx import OnnxBackend
from muscgen.request import LongForm, Section

LONG = LongForm(window_s=0.6, stride_s=0.36)
SECTIONS = (Section(prompt="harp", duration_s=1.0), Section(prompt="techno", duration_s=1.1))
SONGS = {
    "short": song(duration_s=1.3),
    "long": song(duration_s=2.1, long_form=LONG, top_k=250),
    "sections": song(prompt=None, duration_s=2.1, sections=SECTIONS, long_form=LONG, negative_prompt="noise"),
    "unconditional": song(prompt=None, duration_s=1.0, guidance_scale=1.0),
}
FRAMES = {"short": 65, "long": 105, "sections": 105, "unconditional": 50}


def same(resumed, whole):
    return np.array_equal(resumed.codes, whole.codes) and np.array_equal(
        resumed.audio.samples, whole.audio.samples
    )


@pytest.mark.parametrize("name", SONGS)
@pytest.mark.parametrize("share", [0, 0.02, 0.3, 0.48, 0.5, 0.9, 1])
def test_a_resumed_song_is_the_song(name, share):
    with running(NumpyBackend(), chunk_s=0.1) as engine:
        whole = made(engine, SONGS[name])
        assert whole.codes.shape[1] == FRAMES[name]
        known = whole.codes[:, : round(share * FRAMES[name])]
        assert same(engine.submit(SONGS[name], known).result(LIMIT_S), whole)


@pytest.fixture(scope="module", params=["fp32", "int8"])
def onnx(request):
    backend = OnnxBackend.load(MUSCGEN_TINY, precision=request.param, rows=8, threads=1)
    backend.precision = request.param
    yield backend
    backend.close()


@pytest.mark.parametrize("name", ["short", "sections"])
def test_a_resumed_song_is_the_song_on_the_backend_that_serves(onnx, name):
    with running(onnx) as engine:
        whole = made(engine, SONGS[name])
    with running(onnx) as engine:
        for cut in (1, 33, FRAMES[name] - 1):
            assert same(engine.submit(SONGS[name], whole.codes[:, :cut]).result(LIMIT_S), whole)


@pytest.mark.parametrize("name", ["short", "long"])
def test_a_song_is_the_same_on_two_threads_and_resumed_there(onnx, name):
    two = OnnxBackend.load(MUSCGEN_TINY, precision=onnx.precision, rows=8, threads=2)
    with running(onnx) as engine:
        whole = made(engine, SONGS[name])
    with running(two) as engine:
        crowd = [engine.submit(each) for each in SONGS.values()]
        known = (None, whole.codes[:, :33])
        assert all(same(engine.submit(SONGS[name], codes).result(LIMIT_S), whole) for codes in known)
        for handle in crowd:
            handle.result(LIMIT_S)
    two.close()


@pytest.mark.parametrize("backend", ["numpy", "onnx"])
def test_songs_resume_in_company(backend, onnx):
    backend = NumpyBackend() if backend == "numpy" else onnx
    with running(backend) as engine:
        wholes = {name: made(engine, each) for name, each in SONGS.items()}
    with running(backend) as engine:
        handles = {
            name: engine.submit(each, wholes[name].codes[:, : 40 - 9 * at])
            for at, (name, each) in enumerate(SONGS.items())
        }
        others = [engine.submit(song(seed=seed, duration_s=0.3)) for seed in range(3)]
        assert all(same(handle.result(LIMIT_S), wholes[name]) for name, handle in handles.items())
        assert all(other.result(LIMIT_S) for other in others)


def test_a_cancelled_song_leaves_the_codes_it_resumes_from():
    asked = song(duration_s=100, long_form=LONG)
    with running(NumpyBackend()) as engine:
        handle = engine.submit(asked)
        assert handle.codes is None or handle.codes.shape[0] == 4
        chunks = handle.chunks(LIMIT_S)
        next(chunks), next(chunks)
        handle.cancel()
        saved = handle.codes
        assert saved.shape[1] >= 25
        beginning = made(engine, song(duration_s=0.6)).codes
    assert np.array_equal(saved[:, :25], beginning[:, :25])


def test_only_the_windows_that_are_left_are_stepped():
    with running(NumpyBackend()) as engine:
        whole = made(engine, SONGS["long"])
        resumed = engine.submit(SONGS["long"], whole.codes[:, :104]).result(LIMIT_S)
    assert resumed.steps < 40 < whole.steps


def test_what_is_known_is_fed_and_only_the_rest_stepped():
    backend = NumpyBackend()
    with running(backend) as engine:
        whole = made(engine, SONGS["short"])
        before = engine.steps
        assert same(engine.submit(SONGS["short"], whole.codes[:, :50]).result(LIMIT_S), whole)
        assert engine.steps - before == whole.steps - 48
    assert [steps for _, _, steps in backend.fed] == [16, 16, 16]


def test_a_change_of_prompt_among_known_codes_is_heard_where_it_was(onnx):
    """The second section begins in the middle of what is known."""
    wish = song(prompt=None, duration_s=2.1, sections=SECTIONS)
    for backend in (NumpyBackend(), onnx):
        with running(backend) as engine:
            whole = made(engine, wish)
            assert same(engine.submit(wish, whole.codes[:, :95]).result(LIMIT_S), whole)


def test_songs_that_draw_wait_for_one_chunk_of_another_at_most():
    backend = NumpyBackend()
    turns, held_at = [], []
    right = backend.feed
    held, go = threading.Event(), threading.Event()

    def before_step(tokens, _):
        turns.append(f"step {len(tokens)}")
        if len(turns) in held_at:  # until the other song is there, however slow the machine
            held.set()
            go.wait(LIMIT_S)

    backend.before_step = before_step

    def feed(rows, tokens, position):
        turns.append("feed")
        right(rows, tokens, position)

    backend.feed = feed
    with running(backend) as engine:
        whole = made(engine, song(duration_s=2.4))
        held_at.append(len(turns) + 20)
        drawing = engine.submit(song(seed=2, duration_s=2.0))
        assert held.wait(LIMIT_S)
        resumed = engine.submit(song(duration_s=2.4), whole.codes[:, :110])
        go.set()
        assert same(resumed.result(LIMIT_S), whole)
        assert drawing.result(LIMIT_S)
    first = turns.index("feed")
    assert turns[first : first + 14] == ["feed", "step 4"] * 7
    assert turns.count("feed") == 7


@pytest.mark.parametrize(
    "codes", [np.zeros((3, 5)), np.zeros((4, 66)), np.full((4, 5), 32), -np.ones((4, 5))]
)
def test_codes_of_another_song_are_refused(codes):
    with running(NumpyBackend()) as engine, pytest.raises(ValueError, match="codes"):
        engine.submit(SONGS["short"], codes.astype(np.int32))


def test_a_song_whose_codes_are_all_known_is_only_decoded():
    with running(NumpyBackend()) as engine:
        whole = made(engine, SONGS["long"])
        before = engine.steps
        handle = engine.submit(SONGS["long"], whole.codes)
        assert same(handle.result(LIMIT_S), whole)
        assert engine.steps == before
        assert handle.progress.fraction == 1.0
        assert engine.free == 4
