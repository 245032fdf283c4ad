"""How much memory is free, and how many songs at once fit into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from muscgen import telemetry
from muscgen.models.card import Card
from muscgen.models.folder import read_folder
from muscgen.models.footprint import slot_bytes, weight_bytes
from muscgen.settings import Settings

MOST_SLOTS = 8  # more songs at once are slower each, and hardly more in all
_KEPT_FREE = 0.2  # of what is free: finishing, the page cache, the neighbours
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = (  # limit, what is used: version 2, version 1
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


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
    """Memory that can still be taken: of the machine, or of the container where that has less.

    None where the system does not say.
    """
    known = [found for found in (_of_machine(), *map(_of_group, _CGROUPS)) if found is not None]
    return min(known, default=None)


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


def _of_group(files: tuple[Path, Path]) -> int | None:
    limit, used = (_text(file).strip() for file in files)
    return max(0, int(limit) - int(used)) if limit.isdecimal() and used.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError:
        return ""
