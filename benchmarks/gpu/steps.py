"""Steps of the language model, guidance and draws included, at every length that a song goes through."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.device import Device
from benchmarks.inside import TEXT
from benchmarks.peers import GUIDANCE, TEMPERATURE, TOP_K
from muscgen.backends.base import Songs
from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.slab import SHORTEST, doubled
from muscgen.engine.sampling import knobs_of
from muscgen.models.config import ModelConfig
from muscgen.models.layout import DECODER, layout
from muscgen.request import Sampling

SONG_S, FRAME_RATE = 30, 50
SAMPLING = Sampling(temperature=TEMPERATURE, top_k=TOP_K, top_p=0.0, guidance_scale=GUIDANCE)
WARM_UP_STEPS = 3


def measure(
    backend: TorchBackend, config: ModelConfig, slots: int, least_s: float, device: Device, number_bytes: int
) -> dict[str, Any]:
    """What `slots` guided songs of 30 s take, from steps at each of the lengths that graphs are made for."""
    step = stepper(backend, slots)
    extents = _extents(SONG_S * FRAME_RATE + max(backend.shape.delays), config.decoder.positions)
    ms = {extent: _median_s(step, extent - 1, least_s) * 1e3 for extent in extents}
    steps = sum(extents.values())
    mean_ms = sum(ms[extent] * count for extent, count in extents.items()) / steps
    return {
        "slots": slots,
        "ms": {str(extent): took for extent, took in ms.items()},
        "mean_ms": mean_ms,
        "steps_s": 1e3 / mean_ms,
        "real_time_factor": slots * 1e3 / mean_ms / FRAME_RATE,
        "songs_per_hour": slots * 3600e3 / (mean_ms * steps),
        "least_ms": _least_ms(config, 2 * slots, max(extents), device, number_bytes),
    }


def stepper(backend: TorchBackend, slots: int) -> Callable[[int], object]:
    """A step of `slots` songs in twice as many rows, at a position."""
    for row in range(2 * slots):
        backend.open_row(row, None if row % 2 else backend.encode_text(TEXT))
    songs = Songs(conditional=np.arange(0, 2 * slots, 2), null=np.arange(1, 2 * slots, 2))
    knobs = knobs_of([SAMPLING] * slots, backend.shape.vocabulary)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, backend.shape.vocabulary, (2 * slots, backend.shape.codebooks), dtype=np.int32)
    uniforms = rng.random((slots, backend.shape.codebooks))

    def step(position: int) -> object:
        positions = np.full(2 * slots, position, np.int32)
        return backend.step_and_draw(tokens, positions, songs, knobs, uniforms)

    return step


def profile(backend: TorchBackend, slots: int, device: torch.device) -> str:
    """Where the time of a step goes: the 15 most expensive operations."""
    from torch.profiler import ProfilerActivity

    step = stepper(backend, slots)
    step(SHORTEST - 1)
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with torch.profiler.profile(activities=activities) as found:
        for _ in range(WARM_UP_STEPS):
            step(SHORTEST - 1)
    order = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    table: str = found.key_averages().table(sort_by=order, row_limit=15, max_name_column_width=60)
    return table


def _extents(steps: int, limit: int) -> Counter[int]:
    """How many of a song's steps look at how many positions."""
    return Counter(doubled(SHORTEST, step + 1, limit) for step in range(steps))


def _median_s(step: Callable[[int], object], position: int, least_s: float) -> float:
    """Codes come back to the host, so a step has ended when the call has."""
    for _ in range(WARM_UP_STEPS):
        step(position)
    took: list[float] = []
    while sum(took) < least_s or len(took) < WARM_UP_STEPS:
        started = time.perf_counter()
        step(position)
        took.append(time.perf_counter() - started)
    return float(np.median(took))


def _least_ms(config: ModelConfig, rows: int, positions: int, device: Device, number_bytes: int) -> float:
    """All weights, keys and values read once, or all products made: whichever takes longer."""
    decoder = config.decoder
    weights = sum(prod(shape) for name, shape in layout(config).items() if _is_stepped(name))
    remembered = rows * positions * 2 * decoder.width * decoder.layers
    read_s = (weights + remembered) * number_bytes / (device.read_gb_s * 1e9)
    made_s = 2 * (rows * weights + remembered) / (device.tflops[number_bytes] * 1e12)
    return max(read_s, made_s) * 1e3


def _is_stepped(name: str) -> bool:
    other = ("embed_tokens", "encoder_attn.k_proj", "encoder_attn.v_proj")
    return name.startswith((DECODER, "decoder.lm_heads")) and not any(part in name for part in other)
