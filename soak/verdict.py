"""What must be so of a run: nothing lost, nothing that grows."""

from __future__ import annotations

import asyncio
import time
from statistics import median, quantiles

from muscgen.jobs import Queue
from soak.traffic import Book, Ended
from soak.watch import MODEL, Sample
from tests.queues import faults

GROWTH, GROWTH_MB = 0.10, 10.0  # of memory, from the second third to the last
MORE_FILES = 10  # open ones, likewise: connections come and go
SLOWER, SLOWER_S = 1.3, 1.0  # the 95th percentile of short songs, likewise
LOOK_S = 0.5
KEYS_A_JOB = 12  # of those within their time to live: record, events, trace ...


def thirds(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The second and the last; the first is for caches and pools to fill."""
    third = len(samples) // 3
    return samples[third : 2 * third], samples[2 * third :]


def grown(samples: list[Sample]) -> list[str]:
    """What grew between the second third and the last."""
    middle, last = thirds(samples)
    if not middle:
        return ["too few samples to tell what grows"]
    found = []
    for name in ("api_mb", "worker_mb", "redis_mb"):
        before, after = (median(getattr(one, name) for one in part) for part in (middle, last))
        if after > before * (1 + GROWTH) + GROWTH_MB:
            found.append(f"{name} grew from {before:.1f} to {after:.1f}")
    for name in ("api_files", "worker_files"):
        before, after = (max(getattr(one, name) for one in part) for part in (middle, last))
        if after > before + MORE_FILES:
            found.append(f"{name} grew from {before} to {after}")
    return found


def slower(ended: list[Ended], seconds: float) -> list[str]:
    """Whether short songs took longer in the last third than in the second."""
    waits = [
        [one.whole_s for one in ended if one.kind == "short" and begin <= one.at_s / seconds * 3 < begin + 1]
        for begin in (1, 2)
    ]
    if min(map(len, waits)) < 10:
        return []  # too few to tell; a short run
    before, after = (percentile(part, 95) for part in waits)
    if after > before * SLOWER + SLOWER_S:
        return [f"the 95th percentile of short songs went from {before:.2f} to {after:.2f} s"]
    return []


def percentile(values: list[float], share: int) -> float:
    return quantiles(values, n=100)[share - 1] if len(values) > 1 else values[0]


async def lost(queue: Queue, book: Book, patience_s: float = 30.0) -> list[str]:
    """What the queue still has, a while after all that was asked for has ended."""
    until = time.monotonic() + patience_s
    while (found := await _left(queue, book)) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    return found


async def _left(queue: Queue, book: Book) -> list[str]:
    stats = await queue.stats(MODEL)
    found = []
    if stats.running or stats.retrying or sum(stats.waiting.values()) or stats.dead:
        found.append(f"the queue is not empty: {stats}")
    found += [f"queue: {fault}" for fault in await faults(queue.redis, queue.prefix)]
    keys = int(await queue.redis.dbsize())
    if keys > 100 + KEYS_A_JOB * book.counts["asked"]:
        found.append(f"{keys} keys are left of {book.counts['asked']} wishes")
    seen = sum(count for name, count in book.counts.items() if name.startswith("by "))
    if not book.faults and seen != book.counts["asked"]:
        found.append(f"{book.counts['asked']} wishes were asked for, and {seen} ended")
    return found
