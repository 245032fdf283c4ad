"""What the device is, and what it can do at most, measured here."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version

import torch

from benchmarks.machine import best_s

_COPIED_MB, _SIDE = 2048, 8192
_SMALL_MB, _SMALL_SIDE = 64, 512  # where a CPU stands in for it


@dataclass(frozen=True)
class Device:
    """Limits that every figure is held against."""

    read_gb_s: float  # read, in a copy that writes as much
    tflops: dict[int, float]  # bytes of a number -> multiplications and additions, 10^12 a second


def describe(device: torch.device) -> dict[str, str]:
    name, memory, driver = platform.processor() or platform.machine(), "", ""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        memory = f"{torch.cuda.get_device_properties(device).total_memory / 1e9:.0f} GB"
        driver = _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return {
        "device": name,
        "memory": memory,
        "driver": driver,
        "cuda": torch.version.cuda or "",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {version('transformers')}, numpy {version('numpy')}",
        "host": f"{os.cpu_count()} cores",
        "commit": os.environ.get("COMMIT") or _said("git", "rev-parse", "--short", "HEAD"),
    }


def limits(device: torch.device) -> Device:
    """By a copy within the device's memory, and by large products."""
    on_gpu = device.type == "cuda"
    copied_bytes = (_COPIED_MB if on_gpu else _SMALL_MB) << 20
    source = torch.ones(copied_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy_s = best_s(lambda: _done(target.copy_(source)))
    tflops = {}
    for dtype in (torch.float32, torch.float16 if on_gpu else torch.bfloat16):
        side = _SIDE if on_gpu else _SMALL_SIDE
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product_s = best_s(lambda a=a, b=b: _done(a @ b))
        tflops[dtype.itemsize] = 2 * side**3 / product_s / 1e12
    return Device(2 * copied_bytes / copy_s / 1e9, tflops)


def taken_mb(device: torch.device) -> float:
    """Memory in use by tensors; 0 where a CPU stands in."""
    return torch.cuda.memory_allocated(device) / 1e6 if device.type == "cuda" else 0.0


def _done(result: torch.Tensor) -> None:
    if result.is_cuda:
        torch.cuda.synchronize(result.device)


def _said(*command: str) -> str:
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""
