"""The engines' counts as metrics, read when Prometheus asks, and the port where it does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from muscgen.errors import ConfigurationError
from muscgen.worker.loader import Served

_LABELS = ("model",)


class EngineMeters(Collector):
    """Steps, songs in them, and slots of every model that this process serves.

    `song_steps / steps` is how many songs share a step.
    """

    def __init__(self, served: Callable[[], Mapping[str, Served]]) -> None:
        self._served = served

    def describe(self) -> list[Metric]:
        """Nothing before it is asked: several workers may live in one process, as in tests."""
        return []

    def collect(self) -> Iterator[Metric]:
        steps = CounterMetricFamily("muscgen_engine_steps", "Passes of the language model.", labels=_LABELS)
        shared = CounterMetricFamily("muscgen_engine_song_steps", "Songs in those passes.", labels=_LABELS)
        slots = GaugeMetricFamily("muscgen_engine_slots", "Songs at once, at most.", labels=_LABELS)
        free = GaugeMetricFamily("muscgen_engine_slots_free", "Slots that nobody has.", labels=_LABELS)
        for model, served in self._served().items():
            steps.add_metric([model], served.engine.steps)
            shared.add_metric([model], served.engine.song_steps)
            slots.add_metric([model], served.slots)
            free.add_metric([model], served.engine.free)
        yield from (steps, shared, slots, free)
        yield from _gpu_memory()


def _gpu_memory() -> Iterator[Metric]:
    """Only where the torch backend runs on CUDA: nothing is imported to find out."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return
    memory = GaugeMetricFamily("muscgen_gpu_memory_bytes", "Memory of a GPU.", labels=["device", "kind"])
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        memory.add_metric([str(index), "total"], total)
        memory.add_metric([str(index), "used"], total - free)
    yield memory


@contextmanager
def metered(served: Callable[[], Mapping[str, Served]], port: int) -> Iterator[None]:
    """Count these engines; serve the process's metrics on a port, if not 0. Raises ConfigurationError."""
    meters = EngineMeters(served)
    REGISTRY.register(meters)
    server = None
    try:
        if port:
            try:
                server, _ = start_http_server(port)
            except OSError as error:
                raise ConfigurationError(
                    f"metrics cannot be served on port {port}: {error.strerror}", param="metrics_port"
                ) from error
        yield
    finally:
        REGISTRY.unregister(meters)
        if server is not None:
            server.shutdown()
            server.server_close()
