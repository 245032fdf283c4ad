"""Progress and pace, on a clock that the test turns."""

from __future__ import annotations

import pytest

from muscgen.engine import Progress
from muscgen.worker.pace import MEMORY, Pace
from muscgen.worker.progress import MAKING, Meter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def song(done, total=100):
    return Progress(done, total, done / 50)


def test_progress_says_how_far_and_how_long():
    clock = Clock()
    meter = Meter(clock)
    clock.now += 2.0
    read = meter.read([song(50), song(0)], 2)
    assert read["fraction"] == pytest.approx(MAKING / 4, abs=1e-4)
    assert read["eta_seconds"] == pytest.approx(2.0 * (1 - MAKING / 4) / (MAKING / 4), abs=0.01)
    assert (read["stage"], read["steps_done"], read["steps_total"]) == ("generating", 50, 200)
    assert read["audio_seconds_done"] == 1.0


def test_progress_never_goes_back():
    meter = Meter(Clock())
    before = meter.read([song(100)], 1)
    after = meter.read([song(3)], 1)
    assert before["stage"] == "finishing"
    assert after["fraction"] == before["fraction"] == MAKING


def test_what_was_not_begun_has_no_estimate():
    read = Meter(Clock()).read([song(0)], 1)
    assert (read["stage"], read["fraction"], read["eta_seconds"]) == ("waiting", 0.0, None)


def test_songs_that_were_made_before_are_only_finished():
    read = Meter(Clock()).read([song(0, 0)], 1, 20.0)
    assert (read["stage"], read["fraction"], read["resumed_from_seconds"]) == ("finishing", MAKING, 20.0)


def test_pace_counts_only_the_time_in_which_songs_ran():
    clock = Clock()
    pace = Pace(clock)
    assert pace.audio_s_per_s is None
    pace.begin()
    pace.begin()
    clock.now += 2.0
    pace.end(10.0)
    clock.now += 2.0
    pace.end(10.0)
    fast = pace.audio_s_per_s
    clock.now += 1_000.0
    assert pace.audio_s_per_s == fast == pytest.approx((10 * MEMORY + 10) / (2 * MEMORY + 2))


def test_a_failed_job_slows_the_pace():
    clock = Clock()
    pace = Pace(clock)
    for audio_s in (4.0, 0.0):
        pace.begin()
        clock.now += 2.0
        pace.end(audio_s)
    assert pace.audio_s_per_s == pytest.approx(4.0 * MEMORY / (2.0 * MEMORY + 2.0))
