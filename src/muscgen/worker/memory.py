"""How much memory is free, and how many songs at once fit into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from muscgen import telemetry
from muscgen.models.card import Card
from muscgen.models.folder import read_folder
from muscgen.models.footprint import slot_bytes, weight_bytes
from muscgen.settings import Settings

MOST_SLOTS = 8  # more songs at once are slower each, and hardly more in all
_KEPT_FREE = 0.2  # of what is free: finishing, the page cache, the neighbours
_MEMINFO = Path("/proc/meminfo")
_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


class _Names(NamedTuple):
    """Of a control group's files and, in `memory.stat`, of the files' pages that nobody needs."""

    limit: str
    used: str
    unneeded: str


_SECOND = _Names("memory.max", "memory.current", "inactive_file")
_FIRST = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def slots_for(card: Card, settings: Settings, *, models: int = 1) -> int:
    """Songs at once: as the settings say; else as many as fit into an n-th of what is free, 1 to MOST_SLOTS.

    models: how many share the memory.
    """
    if settings.slots:
        return settings.slots
    free = available_bytes()
    if free is None:
        return MOST_SLOTS
    each = song_bytes(card, settings)
    fitting = int(free * (1 - _KEPT_FREE) / models // each)
    slots = min(max(1, fitting), MOST_SLOTS)
    if slots < MOST_SLOTS:
        telemetry.warning("model.short_of_memory", model=card.id, slots=slots, slot_bytes=each, free=free)
    return slots


def song_bytes(card: Card, settings: Settings) -> int:
    """The most that one song of the card's model takes here."""
    config = read_folder(card.path).config
    frame_rate = config.codec.sample_rate // config.codec.hop
    positions = round(card.max_duration_s * frame_rate) + max(config.decoder.delays)
    return slot_bytes(config, positions=positions, number_bytes=_number_bytes(settings))


def load_bytes(card: Card, settings: Settings) -> int:
    """What the card's model takes before its first song."""
    return weight_bytes(read_folder(card.path).config, settings.precision)


def available_bytes() -> int | None:
    """Memory that can still be taken: of the machine, or of the container or unit where that has less.

    None where the system does not say.
    """
    groups = (_of_group(folder, names) for folder, names in _own_groups())
    return min((found for found in (_of_machine(), *groups) if found is not None), default=None)


def free_on(device: str) -> Callable[[], int | None]:
    """What tells the free memory of a device: a GPU's own, or the machine's."""
    if not device.startswith("cuda"):
        return available_bytes

    def free() -> int | None:
        import torch

        return torch.cuda.mem_get_info(device)[0]

    return free


def _number_bytes(settings: Settings) -> int:
    kv = settings.precision if settings.kv_precision == "auto" else settings.kv_precision
    return {"int8": 1, "fp16": 2, "bf16": 2}.get(kv, 4)


def _of_machine() -> int | None:
    for line in _text(_MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _own_groups() -> Iterator[tuple[Path, _Names]]:
    """The control groups of this process, of both versions, and those that they are in.

    Within a container a group's path may be that of the host, and the container's own lies at the root.
    """
    for line in _text(_OWN_GROUPS).splitlines():
        number, kinds, path = line.split(":", 2)
        if number != "0" and "memory" not in kinds.split(","):
            continue
        root, names = (_GROUPS, _SECOND) if number == "0" else (_GROUPS / "memory", _FIRST)
        own = root / path.lstrip("/")
        yield from ((folder, names) for folder in (own, *own.parents) if folder.is_relative_to(root))


def _of_group(folder: Path, names: _Names) -> int | None:
    """Pages of files that nobody needs are counted as used, and given back when others want them."""
    limit, used = (_text(folder / name).strip() for name in (names.limit, names.used))
    if not (limit.isdecimal() and used.isdecimal()):
        return None
    stat = dict(line.split(maxsplit=1) for line in _text(folder / "memory.stat").splitlines())
    return max(0, int(limit) - int(used) + int(stat.get(names.unneeded, 0)))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError:
        return ""
