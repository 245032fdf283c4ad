"""The simulated queue does what the real one does, and its page says what came of it."""

from __future__ import annotations

import asyncio

import pytest

from simulate.report import page
from simulate.runs import crowd, fake_song, real_song


@pytest.fixture(scope="module")
def songs():
    real = real_song(4.0, 2)
    return real, asyncio.run(fake_song(4.0, real["song_s"], 2))


def test_a_simulated_song_asks_of_redis_what_a_real_one_does(songs):
    real, fake = songs
    for name in ("scripts", "commands"):  # not bytes: the first call of a script brings its text
        assert 0.4 < fake[name] / real[name] < 2.5, (name, real, fake)  # what rests beside it is an estimate


def test_every_song_of_many_workers_ends(songs):
    row = asyncio.run(crowd(workers=5, slots=2, song_s=1.0, seconds=4.0, measured_s=3.0))
    assert row["faults"] == {}
    assert row["songs_per_s"] > 2  # of ten
    assert row["redis_cores"] > 0
    idle = asyncio.run(crowd(workers=5, slots=0, song_s=1.0, seconds=4.0, measured_s=2.0))
    assert idle["songs_per_s"] == 0
    assert idle["scripts_per_s"] >= 5  # each asks for work
    found = {"machine": {"cores": "2"}, "command": "x", "songs": list(songs), "crowds": [idle, row]}
    assert "A core of Redis bears" in page(found)
