"""The engine's promises, over the tiny numpy backend."""

import gc
import logging
import threading
import time
import weakref
from threading import Event

import numpy as np
import pytest
from songs import LIMIT_S, made, running, sampling, song
from tiny_numpy import STEREO, TINY, NumpyBackend

from muscgen.audio import join
from muscgen.engine import Engine, Song
from muscgen.errors import (
    Cancelled,
    ConfigurationError,
    DurationTooLong,
    InternalError,
    PromptTooLong,
    Unavailable,
)
from muscgen.request import SongRequest


@pytest.fixture
def backend():
    return NumpyBackend()


@pytest.fixture
def engine(backend):
    with running(backend) as engine:
        yield engine


class Gate:
    """Holds a backend's steps until it is told how many may pass."""

    def __init__(self, backend):
        self._permits = threading.Semaphore(0)
        self._arrived = threading.Semaphore(0)
        self.rows = []
        backend.before_step = self._hold

    def _hold(self, tokens, _positions):
        self.rows.append(len(tokens))
        self._arrived.release()
        assert self._permits.acquire(timeout=LIMIT_S)

    def wait_for_step(self):
        assert self._arrived.acquire(timeout=LIMIT_S)

    def let(self, steps):
        self._permits.release(steps)

    def hold_at(self, rows):
        """Step until a step has so many rows, and hold that one."""
        self.wait_for_step()
        while self.rows[-1] != rows:
            self.let(1)
            self.wait_for_step()


def eventually(condition):
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


@pytest.mark.parametrize("duration_s", [0.001, 0.02, 0.0205, 0.3, 1.1, 1.2345, 2.5])
def test_a_song_is_exact_to_the_sample(engine, duration_s):
    song_made = made(engine, song(duration_s=duration_s))
    assert song_made.audio.samples.shape == (1, round(duration_s * TINY.sample_rate))
    assert song_made.codes.dtype == np.int32
    assert song_made.codes.shape == (4, -(-round(duration_s * 1000) // TINY.hop))


def test_frames_are_counted_in_samples_not_in_float_seconds():
    assert Song("a", None, 1.1, 0, sampling()).frames(TINY) == 55


def test_steps_are_frames_and_the_longest_delay(engine):
    song_made = made(engine, song(duration_s=0.4))
    assert song_made.steps == 20 + 3
    assert engine.steps == 23


def test_no_code_is_the_special_token(engine):
    codes = made(engine, song(duration_s=2.0)).codes
    assert codes.min() >= 0
    assert codes.max() < TINY.special


@pytest.mark.parametrize("shape", [TINY, STEREO])
def test_sound_in_chunks_is_the_sound_of_the_whole(shape):
    backend = NumpyBackend(shape=shape)
    with running(backend, chunk_s=0.1) as engine:
        song_made = made(engine, song(duration_s=1.234))
    whole = backend.open_codec().push(song_made.codes, last=True)
    assert song_made.audio.channels == shape.channels
    assert np.allclose(song_made.audio.samples, whole[:, :1234], atol=1e-4)


def test_sound_comes_while_the_song_goes_on(backend):
    gate = Gate(backend)
    with running(backend, chunk_s=0.1) as engine:
        handle = engine.submit(song(duration_s=1.0))
        gate.let(5 + 3)
        chunk = next(handle.chunks(LIMIT_S))
        assert chunk.duration_s == pytest.approx(4 / 50)  # the codec keeps one of five frames back
        assert not handle.done
        assert 0 < handle.progress.audio_s_done < 1
        assert handle.progress.fraction == pytest.approx(8 / 53)
        gate.let(100)
        assert handle.result(LIMIT_S).time_to_first_audio_s > 0
        assert handle.progress.fraction == 1


def test_every_reader_hears_the_song_from_its_beginning(engine):
    handle = engine.submit(song(duration_s=1.3))
    heard = {}

    def listen(name):
        heard[name] = join(list(handle.chunks(LIMIT_S)))

    readers = [threading.Thread(target=listen, args=(name,)) for name in range(3)]
    for reader in readers:
        reader.start()
    whole = handle.result(LIMIT_S).audio.samples
    for reader in readers:
        reader.join(LIMIT_S)
    listen("late")
    assert all(np.array_equal(audio.samples, whole) for audio in heard.values())
    assert len(heard) == 4


def test_waiting_has_a_limit(backend):
    gate = Gate(backend)
    with running(backend) as engine:
        handle = engine.submit(song())
        with pytest.raises(TimeoutError):
            handle.result(0.01)
        with pytest.raises(TimeoutError):
            next(handle.chunks(0.01))
        gate.let(1000)


def test_more_songs_than_slots_wait_and_all_are_made(backend):
    with running(backend) as engine:
        handles = [engine.submit(song(seed=seed, duration_s=0.1 + seed % 5 / 10)) for seed in range(15)]
        assert engine.free == 0
        durations = [handle.result(LIMIT_S).audio.duration_s for handle in handles]
        assert durations == pytest.approx([0.1 + seed % 5 / 10 for seed in range(15)])
        eventually(lambda: engine.free == 4)


def test_a_song_starts_while_others_run(backend):
    gate = Gate(backend)
    with running(backend) as engine:
        first = engine.submit(song(seed=1, duration_s=2.0))
        gate.wait_for_step()
        second = engine.submit(song(seed=2, guidance_scale=1.0))
        gate.let(1)
        gate.hold_at(rows=3)
        gate.let(1000)
        first.result(LIMIT_S)
        second.result(LIMIT_S)
    assert gate.rows[0] == 2


@pytest.mark.parametrize(("knobs", "rows"), [({"guidance_scale": 1.0}, 1), ({"guidance_scale": 1.5}, 2)])
def test_a_guided_song_takes_two_rows(backend, knobs, rows):
    gate = Gate(backend)
    with running(backend) as engine:
        gate.let(1000)
        made(engine, song(**knobs))
    assert set(gate.rows) == {rows}


def test_prompt_negative_prompt_guidance_seed_and_attempt_change_the_song(engine):
    ways = [
        {},
        {"prompt": "techno"},
        {"negative_prompt": "drums"},
        {"guidance_scale": 1.0},
        {"guidance_scale": 8.0},
        {"seed": 2},
        {"attempt": 1},
    ]
    codes = [made(engine, song(**way)).codes.tobytes() for way in ways]
    assert len(set(codes)) == len(ways)


def test_output_i_is_the_song_of_seed_plus_i():
    request = SongRequest(model="m", prompt="p", duration_s=1.0, seed=40, sampling=sampling())
    assert Song.of(request, 2) == Song("p", None, 1.0, 42, sampling())
    assert Song.of(request, 0, attempt=3).attempt == 3


def test_cancelling_frees_the_slot_within_one_step(backend):
    gate = Gate(backend)
    with running(backend) as engine:
        cancelled, other = (engine.submit(song(seed=seed, duration_s=2.0)) for seed in range(2))
        gate.hold_at(rows=4)
        cancelled.cancel()
        with pytest.raises(Cancelled):
            cancelled.result(0)
        gate.let(1)
        gate.wait_for_step()
        assert gate.rows[-2:] == [4, 2]
        assert engine.free == 3
        gate.let(1000)
        other.result(LIMIT_S)


def test_a_song_that_waits_can_be_cancelled(backend):
    gate = Gate(backend)
    with running(backend, slots=1) as engine:
        first, second, third = (engine.submit(song(seed=seed)) for seed in range(3))
        second.cancel()
        with pytest.raises(Cancelled):
            second.result(0)
        gate.let(1000)
        first.result(LIMIT_S)
        third.result(LIMIT_S)


def test_cancelling_a_finished_song_changes_nothing(engine):
    handle = engine.submit(song())
    first = handle.result(LIMIT_S)
    handle.cancel()
    assert handle.result(0) is first


def test_a_listener_hears_what_was_made_and_then_why_it_ended(backend):
    gate = Gate(backend)
    with running(backend, chunk_s=0.1) as engine:
        handle = engine.submit(song(duration_s=1.0))
        chunks = handle.chunks(LIMIT_S)
        gate.let(8)
        next(chunks)
        handle.cancel()
        with pytest.raises(Cancelled):
            next(chunks)
        gate.let(1000)


def test_a_song_longer_than_the_slab_is_refused_at_once(engine):
    longest_s = TINY.max_frames / TINY.frame_rate
    with pytest.raises(DurationTooLong, match=r"2\.5 s") as refusal:
        engine.submit(song(duration_s=longest_s + 0.001))
    assert refusal.value.param == "duration"
    assert made(engine, song(duration_s=longest_s)).steps == TINY.max_steps


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_that_is_too_long_fails_its_song_only(engine, field):
    handle = engine.submit(song(**{field: "word " * 17}))
    with pytest.raises(PromptTooLong):
        handle.result(LIMIT_S)
    assert made(engine, song())
    assert engine.free == 4


def test_a_failing_step_fails_the_songs_in_it_and_no_other(backend):
    def break_once(tokens, positions):
        if positions.max() == 5:
            backend.before_step = lambda *_: None
            raise RuntimeError("out of memory")

    backend.before_step = break_once
    with running(backend, slots=1) as engine:
        broken, whole = engine.submit(song(seed=1)), engine.submit(song(seed=2))
        with pytest.raises(InternalError, match="RuntimeError"):
            broken.result(LIMIT_S)
        assert whole.result(LIMIT_S)


def test_where_memory_runs_out_fewer_songs_go_on_at_once(backend, caplog):
    """Those that stay are the songs they would have been, and those that gave way can be made again."""

    submitted = threading.Event()

    def run_out(tokens, positions):
        submitted.wait(LIMIT_S)
        if len(tokens) > 4 and positions.max() > 5:
            raise MemoryError("CUDA out of memory")

    backend.before_step = run_out
    songs = [song(seed=seed, duration_s=0.8) for seed in range(4)]
    expected = [made_alone(each) for each in songs]
    with running(backend) as engine, caplog.at_level(logging.WARNING, "muscgen"):
        handles = [engine.submit(each) for each in songs]
        submitted.set()
        for handle in handles[2:]:
            with pytest.raises(Unavailable, match="memory"):
                handle.result(LIMIT_S)
        handles[2:] = [engine.submit(each) for each in songs[2:]]
        for handle, codes in zip(handles, expected, strict=True):
            assert np.array_equal(handle.result(LIMIT_S).codes, codes)
        eventually(lambda: engine.free == 2)
    assert [record.fields for record in caplog.records] == [{"songs": 4, "slots": 2}]


def test_where_there_is_no_memory_for_one_song_every_song_is_told_so(backend):
    def run_out(tokens, positions):
        raise MemoryError

    backend.before_step = run_out
    with running(backend) as engine:
        for seed in range(2):
            with pytest.raises(Unavailable):
                made(engine, song(seed=seed))
        assert engine.free == 1


@pytest.mark.parametrize("part", ["open_row", "open_codec", "encode_text"])
def test_what_fails_for_one_song_fails_that_song_only(backend, part):
    right = getattr(backend, part)
    expected = made_alone(song(seed=9))
    calls = []

    def fail_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError(part)
        return right(*arguments)

    setattr(backend, part, fail_first)
    with running(backend) as engine:
        broken, whole = engine.submit(song(seed=1)), engine.submit(song(seed=9))
        with pytest.raises(InternalError):
            broken.result(LIMIT_S)
        assert np.array_equal(whole.result(LIMIT_S).codes, expected)
        eventually(lambda: engine.free == 4)


def made_alone(song):
    with running(NumpyBackend()) as engine:
        return made(engine, song).codes


def test_a_row_that_cannot_be_moved_fails_its_song_only(backend):
    def refuse(source, target, length):
        raise RuntimeError("no")

    backend.move_row = refuse
    gate = Gate(backend)
    with running(backend) as engine:
        short, moved = engine.submit(song(duration_s=1.0)), engine.submit(song(duration_s=2.4))
        gate.hold_at(rows=4)
        gate.let(1000)
        assert short.result(LIMIT_S)
        with pytest.raises(InternalError):
            moved.result(LIMIT_S)
        assert made(engine, song())


def test_logits_that_are_not_finite_fail_their_song_only(backend):
    right = backend.step

    def poison(tokens, positions):
        logits = right(tokens, positions)
        if len(tokens) == 4:
            logits[0, 2, 7] = np.nan
        return logits

    backend.step = poison
    gate = Gate(backend)
    expected = made_alone(song(seed=9))
    with running(backend) as engine:
        first = engine.submit(song(seed=1, duration_s=2.0))
        second = engine.submit(song(seed=9))
        gate.hold_at(rows=4)
        gate.let(1000)
        with pytest.raises(InternalError, match="finite"):
            first.result(LIMIT_S)
        assert np.array_equal(second.result(LIMIT_S).codes, expected)


def test_a_codec_that_gives_too_little_fails_its_song(backend):
    class Short:
        def push(self, *_, **__):
            return np.zeros((1, 7), np.float32)

    backend.open_codec = Short
    with running(backend) as engine, pytest.raises(InternalError, match="samples"):
        made(engine, song())


def test_a_callback_is_called_once_whenever_it_was_added(engine):
    called, early = [], Event()
    handle = engine.submit(song())
    handle.add_done_callback(lambda _: (called.append("early"), early.set()))
    handle.result(LIMIT_S)
    assert early.wait(LIMIT_S)
    handle.add_done_callback(lambda _: called.append("late"))
    handle.cancel()
    assert called == ["early", "late"]


def test_a_callback_that_raises_harms_nobody(engine):
    handle = engine.submit(song(seed=1))
    handle.add_done_callback(lambda _: 1 / 0)
    assert handle.result(LIMIT_S)
    assert made(engine, song(seed=2))


def test_closing_ends_all_threads_and_fails_what_is_pending(backend):
    before = threading.active_count()
    gate = Gate(backend)
    engine = Engine(backend, slots=2)
    handles = [engine.submit(song(seed=seed)) for seed in range(4)]
    gate.wait_for_step()
    handles[0].add_done_callback(lambda _: gate.let(1000))
    engine.close()
    for handle in handles:
        with pytest.raises(Unavailable):
            handle.result(0)
    eventually(lambda: threading.active_count() == before)
    with pytest.raises(Unavailable):
        engine.submit(song())
    engine.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_should_the_loop_die_nobody_waits_for_ever(backend):
    def die(_):
        raise ZeroDivisionError

    with running(backend, slots=1) as engine:
        engine._slots.leave = die
        handles = [engine.submit(song(seed=seed)) for seed in range(3)]
        for handle in handles[1:]:
            with pytest.raises(Unavailable):
                handle.result(LIMIT_S)
        with pytest.raises(Unavailable):
            engine.submit(song())
        eventually(lambda: handles[0].done)


def test_an_engine_may_be_closed_from_a_callback(backend):
    engine = Engine(backend, slots=2)
    handle = engine.submit(song())
    closed = Event()
    handle.add_done_callback(lambda _: (engine.close(), closed.set()))
    assert handle.result(LIMIT_S)
    assert closed.wait(LIMIT_S)


def test_an_idle_engine_does_not_step(engine):
    made(engine, song())
    before = engine.steps
    time.sleep(0.05)
    assert engine.steps == before


def test_one_prompt_is_read_once_for_many_songs(backend, engine):
    for seed in range(4):
        made(engine, song(seed=seed))
    assert backend.encoded == ["slow piano"]


def test_a_finished_song_leaves_nothing_behind(engine):
    handle = engine.submit(song())
    handle.result(LIMIT_S)
    trace = weakref.ref(handle)
    del handle
    eventually(lambda: gc.collect() >= 0 and trace() is None)


@pytest.mark.parametrize("slots", [0, 5])
def test_slots_need_two_rows_each(backend, slots):
    with pytest.raises(ConfigurationError, match="rows"):
        Engine(backend, slots=slots)
