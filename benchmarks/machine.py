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
import onnxruntime as ort

from muscgen.backends.onnx.exactness import signed_is_exact
from muscgen.backends.onnx.graph import GraphBuilder
from muscgen.backends.onnx.session import session_options

_WEIGHTS = 360_700_000  # of musicgen-small that one step streams, cross-attention's keys and values apart
_WIDTH, _LAYERS = 1024, 24
_BYTES = {"int8": 1, "fp32": 4}


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
    """Reading speed in GB/s, and products in 10^9 multiply-adds a second, on all cores."""
    return {"read_gb_s": _read_gb_s(), "fp32_gmac_s": _fp32_gmac_s(), "int8_gmac_s": _int8_gmac_s()}


def least_ms(measured: dict[str, float], precision: str, rows: int, position: int) -> float:
    """What a step of musicgen-small takes at least.

    Every weight, key and value is read once, or all products are made, whichever takes longer.
    """
    remembered = rows * position * 2 * _WIDTH * _LAYERS
    read_s = (_WEIGHTS + remembered) * _BYTES[precision] / (measured["read_gb_s"] * 1e9)
    made_s = (rows * _WEIGHTS + remembered) / (measured[f"{precision}_gmac_s"] * 1e9)
    return max(read_s, made_s) * 1e3


def _read_gb_s() -> float:
    cores = os.cpu_count() or 1
    parts = [np.ones(64 << 20, np.float32) for _ in range(cores)]

    def read() -> None:
        threads = [Thread(target=part.max) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return sum(part.nbytes for part in parts) / best_s(read) / 1e9


def _fp32_gmac_s() -> float:
    size = 2048
    a, b = np.ones((size, size), np.float32), np.ones((size, size), np.float32)
    return size**3 / best_s(lambda: a @ b) / 1e9


def _int8_gmac_s() -> float:
    """By onnxruntime's own product of 8-bit numbers, large enough to be its fastest."""
    rows, columns = 512, 4096
    g = GraphBuilder("product")
    weights = np.ones((columns, columns), np.int8 if signed_is_exact() else np.uint8)
    product = g.op(
        "MatMulInteger", g.input("x", np.uint8, [rows, columns]), g.constant(weights, weights.dtype)
    )
    g.output(product, "y", np.int32, [rows, columns])
    session = ort.InferenceSession(
        g.build().model(), session_options(threads=0), providers=["CPUExecutionProvider"]
    )
    x = {"x": np.ones((rows, columns), np.uint8)}
    return rows * columns**2 / best_s(lambda: session.run(None, x)) / 1e9


def best_s(work: Callable[[], object], times: int = 5) -> float:
    """The least of the times that `work` takes; the first, which warms up, is not counted."""
    work()
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
