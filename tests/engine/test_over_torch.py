"""The engine over torch: the same greedy songs as over onnx."""

from __future__ import annotations

import numpy as np
import pytest
from songs import LIMIT_S, made, running, song
from tiny import random_checkpoint

from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.torch import TorchBackend

GREEDY = [
    song(1, "sad violin over strings in D minor, slow", 3.0, top_k=1),
    song(2, "techno", 0.7, top_k=1, guidance_scale=1.0),
    song(3, "harp", 1.4, top_k=1, negative_prompt="drums"),
]


@pytest.fixture(scope="module", params=[False, True], ids=["mono", "stereo"])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "torch-random"
    return random_checkpoint(folder, seed=6, stereo=request.param)


def songs_of(backend):
    with running(backend) as engine:
        handles = [engine.submit(each) for each in GREEDY]
        return [handle.result(LIMIT_S) for handle in handles]


def test_greedy_songs_are_those_over_onnx(path):
    torch_backend = TorchBackend.load(path, precision="fp32", rows=6, device="cpu", threads=1)
    onnx_backend = OnnxBackend.load(path, precision="fp32", rows=6, threads=1)
    for ours, theirs in zip(songs_of(torch_backend), songs_of(onnx_backend), strict=True):
        np.testing.assert_array_equal(ours.codes, theirs.codes)
        np.testing.assert_allclose(ours.audio.samples, theirs.audio.samples, atol=1e-4, rtol=0)
    for backend in (torch_backend, onnx_backend):
        backend.close()


def test_a_sampled_song_is_the_same_song_twice(path):
    backend = TorchBackend.load(path, precision="fp32", rows=2, device="cpu", threads=1)
    with running(backend) as engine:
        first, second = (made(engine, song(9, "techno", 0.5)).codes for _ in range(2))
    np.testing.assert_array_equal(first, second)
    backend.close()
