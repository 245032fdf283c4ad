"""The step as CUDA graphs: one launch instead of hundreds, captured once for each extent that occurs."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import torch

from muscgen.backends.torch.slab import Extent


class Graphs:
    """Only on CUDA devices; tested in tests/gpu.

    A graph reads and writes the slab at its fixed addresses, so `step` must be free of other inputs and must
    not wait for the device. All graphs share one pool of memory, for they run one after the other, and what
    a step leaves behind is copied to the slab's logits by the graph itself.
    """

    def __init__(self, step: Callable[[Extent], None], device: torch.device, aside: Lock) -> None:
        """aside: held by whoever works on the device beside the steps; no capture begins meanwhile."""
        self._step, self._device, self._aside = step, device, aside
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: dict[Extent, torch.cuda.CUDAGraph] = {}

    def __len__(self) -> int:
        return len(self._graphs)

    def run(self, extent: Extent) -> None:
        """A step of the slab's inputs, on the current stream."""
        with torch.cuda.device(self._device):
            if extent not in self._graphs:
                with self._aside:
                    self._graphs[extent] = self._captured(extent)
            self._graphs[extent].replay()

    def _captured(self, extent: Extent) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        self._warm_up(extent)
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            self._step(extent)
        return graph

    def _warm_up(self, extent: Extent) -> None:
        """Once without capture: libraries make their handles and workspaces now. A step may be repeated."""
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        current = torch.cuda.current_stream(self._device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            self._step(extent)
        current.wait_stream(stream)
