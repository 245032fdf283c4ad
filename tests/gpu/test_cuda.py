"""The torch backend on a CUDA device; the CPU is the reference. Skipped where there is no such device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tiny import MUSCGEN_TINY

from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.device import find_device
from muscgen.errors import ConfigurationError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
ROWS, STEPS = 4, 300  # beyond the first extent


def load(device, precision="fp32"):
    return TorchBackend.load(MUSCGEN_TINY, precision=precision, rows=ROWS, device=device)


def logits(backend, steps=STEPS):
    """[S, R, K, V] of the same ragged rows on every device."""
    rng = np.random.default_rng(7)
    tokens = rng.integers(0, 2049, (steps, ROWS, backend.shape.codebooks), dtype=np.int32)
    for row, text in enumerate(("techno", None, "sad violin", None)):
        backend.open_row(row, None if text is None else backend.encode_text(text))
    starts = np.array([0, 0, 5, 9])
    places = [np.maximum(n - starts, 0).astype(np.int32) for n in range(steps)]
    return np.stack([backend.step(tokens[n], places[n]) for n in range(steps)])


def codes(frames):
    return np.random.default_rng(3).integers(0, 2048, (4, frames), dtype=np.int32)


def off(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("fp16", 1e-2), ("bf16", 5e-2)])
def test_logits_are_those_of_the_cpu(precision, tolerance):
    assert off(logits(load("cuda", precision)), logits(load("cpu"))) < tolerance


def test_a_captured_step_is_the_step():
    captured, eager = load("cuda"), load("cuda")
    eager._graphs = None
    assert off(logits(captured), logits(eager)) < 1e-5
    assert len(captured._graphs) == 2  # two extents


def test_sound_is_that_of_the_cpu():
    ours, theirs = (load(device).open_codec().push(codes(170), last=True) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)


def test_steps_are_captured_while_other_threads_encode_and_decode():
    backend = load("cuda")
    quiet = logits(load("cuda"))
    with ThreadPoolExecutor(2) as threads:
        texts = threads.map(backend.encode_text, [f"busy text {n}" for n in range(50)])
        sounds = threads.map(lambda _: backend.open_codec().push(codes(60), last=True), range(20))
        assert off(logits(backend), quiet) < 1e-5
        assert all(text.tokens > 1 for text in texts)
        assert all(np.isfinite(sound).all() for sound in sounds)


def test_a_device_beyond_the_last_is_refused():
    with pytest.raises(ConfigurationError, match="the last one is cuda:"):
        find_device("cuda:99", "fp32")
