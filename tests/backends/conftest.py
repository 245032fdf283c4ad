"""One random checkpoint of each kind, one loaded backend of each kind and precision: shared by all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import MUSCGEN_TINY, oracle, random_checkpoint

from muscgen.backends.base import Backend
from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.torch import TorchBackend

ROWS = 16
THERE = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def on_devices(end: str = ""):
    """The devices that are there, on which a test runs too."""
    return [pytest.param(f"{name}{end}", marks=pytest.mark.gpu) for name, there in THERE.items() if there]


@pytest.fixture(scope="session")
def random_path(tmp_path_factory) -> Path:
    return random_checkpoint(tmp_path_factory.mktemp("models") / "random", seed=1)


@pytest.fixture(scope="session")
def stereo_path(tmp_path_factory) -> Path:
    """Stereo, heads of 64, and a text encoder as wide as the decoder: so no projection."""
    path = tmp_path_factory.mktemp("models") / "stereo"
    return random_checkpoint(path, seed=2, stereo=True, head_width=64, heads=1, text_width=64)


@pytest.fixture(scope="session")
def zeros_path(tmp_path_factory) -> Path:
    """Whose codec pads with zeros, as audiocraft's own recipe does."""
    return random_checkpoint(tmp_path_factory.mktemp("models") / "zeros", seed=3, pad_mode="constant")


@pytest.fixture(scope="session", params=["random", "stereo", "zeros", "builtin"])
def any_path(request, random_path, stereo_path, zeros_path) -> Path:
    paths = {"random": random_path, "stereo": stereo_path, "zeros": zeros_path, "builtin": MUSCGEN_TINY}
    return paths[request.param]


@pytest.fixture(scope="session")
def any_oracle(any_path):
    return oracle(any_path)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="session")
def loaded(cache_dir) -> Iterator[Callable[[str, str, Path], Backend]]:
    """kind, precision, checkpoint -> the backend, loaded once."""
    backends: dict[tuple[str, str, Path], Backend] = {}

    def load(kind: str, precision: str, path: Path) -> Backend:
        key = kind, precision, path
        if key not in backends and kind == "onnx":
            backends[key] = OnnxBackend.load(path, precision=precision, rows=ROWS, cache_dir=cache_dir)
        elif key not in backends:
            device = kind if kind in THERE else "cpu"
            backends[key] = TorchBackend.load(path, precision=precision, rows=ROWS, device=device, threads=1)
        return backends[key]

    yield load
    for backend in backends.values():
        backend.close()


@pytest.fixture(scope="session", params=["onnx", "torch", *on_devices()])
def any_backend(request, any_path, loaded) -> Backend:
    """Every kind of checkpoint in every backend, in float32."""
    return loaded(request.param, "fp32", any_path)


@pytest.fixture(
    scope="session",
    params=["onnx-fp32", "onnx-int8", "torch-fp32", *on_devices("-fp32")],
)
def backend(request, loaded) -> Backend:
    """muscgen-tiny."""
    return loaded(*request.param.split("-"), MUSCGEN_TINY)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
