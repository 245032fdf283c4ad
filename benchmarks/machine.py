"""What this machine can do at most, measured here, and what it is."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Thread

import numpy as np

_WEIGHTS = 360_700_000  # of musicgen-small that one step streams, cross-attention's keys and values apart


def describe() -> dict[str, str]:
    cpu = [
        line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")
    ]
    flags = next((line for line in _lines("/proc/cpuinfo") if line.startswith("flags")), "")
    features = [
        name
        for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
        if name in flags.split()
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    packages = ("onnxruntime", "torch", "transformers", "numpy")
    return {
        "cpu": f"{cpu[0] if cpu else platform.processor()}, {os.cpu_count()} cores, {' '.join(features)}",
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in packages),
        "commit": commit.stdout.strip(),
    }


def limits() -> dict[str, float]:
    """Reading speed in GB/s and float32 products in GFLOP/s, on all cores."""
    return {"read_gb_s": _read_gb_s(), "fp32_gflop_s": _gflop_s()}


def steps_by_bandwidth(read_gb_s: float, bytes_a_weight: float) -> float:
    """Steps a second if reading musicgen-small's weights once were all there is to a step."""
    return read_gb_s * 1e9 / (_WEIGHTS * bytes_a_weight)


def _read_gb_s() -> float:
    cores = os.cpu_count() or 1
    parts = [np.ones(64 << 20, np.float32) for _ in range(cores)]

    def read() -> None:
        threads = [Thread(target=part.max) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return sum(part.nbytes for part in parts) / _best(read) / 1e9


def _gflop_s() -> float:
    size = 2048
    a, b = np.ones((size, size), np.float32), np.ones((size, size), np.float32)
    return 2 * size**3 / _best(lambda: a @ b) / 1e9


def _best(work: Callable[[], object], times: int = 5) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
