"""Which models fit beside each other, and which makes way."""

from __future__ import annotations

import pytest
from tiny import MUSCGEN_TINY, random_checkpoint

from muscgen import settings
from muscgen.models.card import read_card
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import read_config
from muscgen.models.footprint import weight_bytes
from muscgen.worker.room import Need, Room, Standing, first_to_go, first_to_rest

CARD = read_card(MUSCGEN_TINY)
MB = 1_000_000
NEED = Need(weights=100 * MB, song=10 * MB)


def room(free=lambda: None, **fields):
    return Room(settings.load({}, **fields), free)


def standing(model, used_at, idle=True, kept=False, settled=True):
    return Standing(model, idle, settled, kept, used_at)


def test_weights_take_what_their_tensors_take(tmp_path):
    path = random_checkpoint(tmp_path / "model")
    config = read_config(path)
    checkpoint = Checkpoint(path)
    stored = sum(checkpoint.tensor(name).nbytes for name in checkpoint._sources)
    assert weight_bytes(config) == stored
    assert weight_bytes(config, "fp16") == stored // 2
    assert stored // 4 < weight_bytes(config, "int8") < stored


def test_a_model_fits_with_its_weights_and_at_least_one_song():
    assert room(memory_mb=110).fits(NEED, taken=0)
    assert not room(memory_mb=109).fits(NEED, taken=0)
    assert not room(memory_mb=220).fits(NEED, taken=111 * MB)
    assert not room(memory_mb=130, slots=4).fits(NEED, taken=0)


def test_it_takes_as_many_songs_as_are_left():
    assert room(memory_mb=135).slots(NEED, taken=0) == 3
    assert room(memory_mb=9_000).slots(NEED, taken=0) == 8
    assert room(memory_mb=9_000).slots(NEED, taken=8_870 * MB) == 3
    assert room(memory_mb=1).slots(NEED, taken=0) == 1
    assert room(memory_mb=1, slots=5).slots(NEED, taken=0) == 5


def test_what_is_free_counts_less_a_fifth_and_as_it_was_and_as_it_is():
    free = [1_000 * MB]
    measured = room(lambda: free[0])
    assert measured.left(0) == 800 * MB
    assert measured.left(300 * MB) == 500 * MB  # mapped weights do not show in the system's figures
    free[0] = 100 * MB
    assert measured.left(300 * MB) == 80 * MB  # others took it


def test_where_nobody_says_how_much_there_is_everything_fits():
    assert room().left(10**15) is None
    assert room().fits(NEED, taken=10**15)
    assert room().slots(NEED, taken=10**15) == 8


def test_a_real_card_has_a_need():
    need = room().need(CARD)
    assert need.weights == pytest.approx(122 * MB, rel=0.1)
    assert need.song > MB


def test_the_one_that_was_not_used_for_longest_goes_first_and_the_kept_ones_last():
    models = [standing("kept", 0.0, kept=True), standing("new", 9.0), standing("old", 1.0)]
    assert first_to_go(models) == "old"
    assert first_to_go(models[:2]) == "new"
    assert first_to_go(models[:1]) == "kept"
    assert first_to_go([]) is None


def test_one_that_just_came_is_waited_for_rather_than_a_kept_one_sent_away():
    assert first_to_go([standing("kept", 0.0, kept=True), standing("new", 9.0, settled=False)]) is None


def test_none_goes_under_a_song_though_its_songs_may_run_out():
    models = [standing("busy", 0.0, idle=False)]
    assert first_to_go(models) is None
    assert first_to_rest(models) == "busy"
