"""The queues' state as metrics, asked of Redis when Prometheus asks us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from muscgen.errors import QueueUnavailable
from muscgen.jobs.admin import QueueStats
from muscgen.jobs.queue import Queue

LOOK_S = 5.0  # Prometheus itself waits 10 s by default

_BY_CLASS: tuple[tuple[str, str, Callable[[QueueStats], Mapping[str, float]]], ...] = (
    ("muscgen_queue_depth", "Jobs that wait.", lambda one: one.waiting),
    ("muscgen_queue_oldest_seconds", "How long the next one has waited.", lambda one: one.oldest_by_class_s),
)
_GAUGES: tuple[tuple[str, str, Callable[[QueueStats], float]], ...] = (
    ("muscgen_queue_retrying", "Jobs that wait for another try.", lambda one: one.retrying),
    ("muscgen_queue_running", "Jobs that workers hold.", lambda one: one.running),
    ("muscgen_queue_paused", "1 while nobody may claim.", lambda one: one.paused),
    ("muscgen_dead_letters", "Jobs that used up their attempts, kept for a week.", lambda one: one.dead),
    ("muscgen_workers", "Workers that were heard of lately.", lambda one: one.workers),
    ("muscgen_slots", "Songs that they can make at once.", lambda one: one.slots),
    ("muscgen_throughput_ratio", "Seconds of music made a second.", lambda one: one.audio_s_per_s),
    ("muscgen_cache_results", "Results that serve equal requests.", lambda one: one.cached),
    ("muscgen_cache_bytes", "What their files take.", lambda one: one.cached_bytes),
)  # fmt: skip


async def exposition(queue: Queue, accept: str) -> tuple[bytes, str]:
    """All metrics of this process and of the queues, in the format that is accepted, and its content type."""
    try:
        async with asyncio.timeout(LOOK_S):
            stats = [await queue.stats(model) for model in await queue.models()]
            up = True
    except (QueueUnavailable, TimeoutError):
        stats, up = [], False  # no number is better than an old one
    encode, content_type = choose_encoder(accept)
    return encode(_All(_families(stats, up=up))), content_type


def _families(stats: list[QueueStats], *, up: bool) -> Iterator[Metric]:
    yield GaugeMetricFamily("muscgen_queue_up", "1 while Redis answers.", float(up))
    for name, words, each in _BY_CLASS:
        gauge = GaugeMetricFamily(name, words, labels=["model", "priority"])
        for one in stats:
            for priority, value in each(one).items():
                gauge.add_metric([one.model, priority], value)
        yield gauge
    for name, words, figure in _GAUGES:
        gauge = GaugeMetricFamily(name, words, labels=["model"])
        for one in stats:
            gauge.add_metric([one.model], figure(one))
        yield gauge


class _All(Collector):
    """What the process counted, and these."""

    def __init__(self, more: Iterable[Metric]) -> None:
        self._more = list(more)

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
        yield from self._more
