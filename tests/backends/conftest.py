"""One random checkpoint of each kind, one loaded backend of each precision: they are read-only and shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny import MUSCGEN_TINY, oracle, random_checkpoint

from muscgen.backends.onnx import OnnxBackend

ROWS = 16


@pytest.fixture(scope="session")
def random_path(tmp_path_factory) -> Path:
    return random_checkpoint(tmp_path_factory.mktemp("models") / "random", seed=1)


@pytest.fixture(scope="session")
def stereo_path(tmp_path_factory) -> Path:
    """Stereo, heads of 64, and a text encoder as wide as the decoder: so no projection."""
    path = tmp_path_factory.mktemp("models") / "stereo"
    return random_checkpoint(path, seed=2, stereo=True, head_width=64, heads=1, text_width=64)


@pytest.fixture(scope="session", params=["random", "stereo", "builtin"])
def any_path(request, random_path, stereo_path) -> Path:
    return {"random": random_path, "stereo": stereo_path, "builtin": MUSCGEN_TINY}[request.param]


@pytest.fixture(scope="session")
def any_oracle(any_path):
    return oracle(any_path)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="session")
def any_backend(any_path, cache_dir) -> Iterator[OnnxBackend]:
    backend = OnnxBackend.load(any_path, precision="fp32", rows=ROWS, cache_dir=cache_dir)
    yield backend
    backend.close()


@pytest.fixture(scope="session", params=["fp32", "int8"])
def backend(request, cache_dir) -> Iterator[OnnxBackend]:
    """muscgen-tiny in either precision."""
    backend = OnnxBackend.load(MUSCGEN_TINY, precision=request.param, rows=ROWS, cache_dir=cache_dir)
    yield backend
    backend.close()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
