"""The house at one moment, and how `muscgen top` draws it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from muscgen.jobs import Queue
from muscgen.jobs.admin import QueueStats
from muscgen.jobs.job import LiveWorker

BAR_CELLS = 12
_QUEUES = ("model", "wait", "retry", "run", "oldest", "eta", "workers", "slots", "speed", "dead", "cached")
_WORKERS = ("worker", "model", "holds", "slots", "", "speed", "heard")


@dataclass(frozen=True, slots=True)
class Look:
    """What the queue says: each model's figures, and the workers that were heard of lately. Unix seconds."""

    at: float
    queues: tuple[QueueStats, ...]
    workers: tuple[LiveWorker, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


async def look(queue: Queue) -> Look:
    """Raises QueueUnavailable."""
    models = await queue.models()
    queues = [await queue.stats(model) for model in models]
    workers = [worker for model in models for worker in await queue.workers(model)]
    return Look(time.time(), tuple(queues), tuple(sorted(workers, key=lambda one: (one.model, one.id))))


def drawn(seen: Look) -> Group:
    """Two tables: queues, workers."""
    clock = time.strftime("%H:%M:%S", time.localtime(seen.at))
    waiting = sum(sum(one.waiting.values()) for one in seen.queues)
    running = sum(one.running for one in seen.queues)
    speed = sum(one.audio_s_per_s for one in seen.queues)
    head = f"muscgen  {clock}  {waiting} wait, {running} run, {speed:.1f} s of music a second"
    workers = [_worker(one, seen.at) for one in seen.workers]
    return Group(
        Text(head, style="bold"),
        _table(_QUEUES, map(_queue, seen.queues)),
        _table(_WORKERS, workers) if workers else Text("no worker was heard of", style="yellow"),
    )


def _queue(one: QueueStats) -> list[str]:
    classes = "/".join(str(count) for count in one.waiting.values())
    return [
        f"{one.model} (paused)" if one.paused else one.model,
        classes,
        str(one.retrying),
        str(one.running),
        _span(one.oldest_s),
        "-" if one.eta_s is None else _span(one.eta_s),
        str(one.workers),
        str(one.slots),
        f"{one.audio_s_per_s:.1f}x",
        str(one.dead),
        str(one.cached),
    ]


def _worker(one: LiveWorker, now: float) -> list[str]:
    busy = one.slots - one.free
    full = round(BAR_CELLS * busy / one.slots) if one.slots else 0
    return [
        one.id,
        one.model,
        one.holds,
        f"{busy}/{one.slots}",
        "#" * full + "." * (BAR_CELLS - full) if one.slots else "",
        "-" if one.audio_s_per_s is None else f"{one.audio_s_per_s:.1f}x",
        f"{max(0.0, now - one.seen_at):.0f} s ago",
    ]


def _table(head: Iterable[str], rows: Iterable[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, name in enumerate(head):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2.5 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
