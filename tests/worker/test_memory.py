"""How many songs at once a worker takes on."""

from __future__ import annotations

import pytest
from tiny import MUSCGEN_TINY, random_checkpoint

from muscgen import settings
from muscgen.models.card import read_card
from muscgen.models.config import read_config
from muscgen.models.footprint import slot_bytes
from muscgen.worker import memory
from muscgen.worker.memory import MOST_SLOTS, available_bytes, slots_for, song_bytes

GIB = 1 << 30
CARD = read_card(MUSCGEN_TINY)


@pytest.fixture
def free(monkeypatch, tmp_path):
    """Says how much the machine has, and how much a container may take of it."""
    meminfo, own, groups = (tmp_path / name for name in ("meminfo", "own", "groups"))
    monkeypatch.setattr(memory, "_MEMINFO", meminfo)
    monkeypatch.setattr(memory, "_OWN_GROUPS", own)
    monkeypatch.setattr(memory, "_GROUPS", groups)
    own.write_text("4:memory:/box/9c5\n1:cpu:/\n0::/slice/unit\n")

    def say(machine_bytes, group=None, place="slice/unit", unneeded=0):
        meminfo.write_text(f"MemTotal: 99 kB\nMemAvailable: {machine_bytes // 1024} kB\n")
        if group is not None:
            first = place.startswith("memory")
            names = ("limit_in_bytes", "usage_in_bytes") if first else ("max", "current")
            folder = groups / place
            folder.mkdir(parents=True, exist_ok=True)
            for name, value in zip(names, group, strict=True):
                (folder / f"memory.{name}").write_text(f"{value}\n")
            stat = f"anon 7\n{'total_' if first else ''}inactive_file {unneeded}\n"
            (folder / "memory.stat").write_text(stat)

    return say


def made(**fields):
    return settings.load({}, **fields)


def test_a_number_that_was_asked_for_is_taken(free):
    free(1)
    assert slots_for(CARD, made(slots=5)) == 5


def test_plenty_of_memory_gives_the_most(free):
    free(64 * GIB)
    assert slots_for(CARD, made()) == MOST_SLOTS


def test_little_memory_gives_as_many_as_fit_and_never_none(free):
    each = song_bytes(CARD, made())
    free(int(3.5 * each / 0.8))
    assert slots_for(CARD, made()) == 3
    assert slots_for(CARD, made(), models=2) == 1
    free(1024)
    assert slots_for(CARD, made()) == 1


@pytest.mark.parametrize(
    "place",
    ["slice/unit", "slice", "", "memory/box/9c5", "memory"],  # of a unit, around it, of a container
)
def test_a_container_or_a_unit_may_have_less_than_its_machine(free, place):
    free(64 * GIB, (3 * GIB, GIB), place)
    assert available_bytes() == 2 * GIB
    free(64 * GIB, ("max", GIB), place)
    assert available_bytes() == 64 * GIB


@pytest.mark.parametrize("place", ["", "memory"])
def test_what_a_container_read_from_files_is_free_again_when_it_is_wanted(free, place):
    free(64 * GIB, (4 * GIB, 3 * GIB), place, unneeded=2 * GIB)
    assert available_bytes() == 3 * GIB


def test_the_group_of_another_process_does_not_count(free):
    free(64 * GIB, (3 * GIB, GIB), "slice/other")
    assert available_bytes() == 64 * GIB


def test_where_the_system_does_not_say_the_most_is_taken(free):
    memory._OWN_GROUPS.unlink()
    assert available_bytes() is None
    assert slots_for(CARD, made()) == MOST_SLOTS


def test_int8_remembers_more_songs():
    fp32, int8 = (song_bytes(CARD, made(precision=precision)) for precision in ("fp32", "int8"))
    assert int8 < fp32
    assert song_bytes(CARD, made(precision="int8", kv_precision="fp32")) == fp32


def test_a_song_takes_what_its_keys_and_values_take(tmp_path):
    config = read_config(random_checkpoint(tmp_path / "model"))
    more = slot_bytes(config, positions=101) - slot_bytes(config, positions=100)
    decoder = config.decoder
    assert more == 2 * 2 * decoder.layers * decoder.width * 4


def test_a_melody_takes_positions_too(tmp_path):
    text = read_config(random_checkpoint(tmp_path / "text"))
    melody = read_config(random_checkpoint(tmp_path / "melody", melody=True))
    assert slot_bytes(melody, positions=100) > slot_bytes(text, positions=100)
