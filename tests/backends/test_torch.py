"""What only the torch backend has: the CPU as reference, masks over a slab, devices, short memory."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from rows import PROMPTS, ROUNDING, alone, assert_same, crowded, open_text, random_tokens, relative_error
from tiny import MUSCGEN_TINY

from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.device import find_device
from muscgen.backends.torch.fitting import fitting
from muscgen.backends.torch.slab import Extent, doubled
from muscgen.errors import ConfigurationError

LENGTHS, STARTS = [30, 270, 20], [0, 3, 250]


def test_both_backends_give_the_same_logits_over_a_long_and_crowded_slab(any_path, loaded, rng):
    ours, theirs = (loaded(kind, "fp32", any_path) for kind in ("torch", "onnx"))
    tokens = [random_tokens(rng, ours, length) for length in LENGTHS]
    results = [crowded(backend, list(PROMPTS[:3]), tokens, STARTS) for backend in (ours, theirs)]
    for mine, other in zip(*results, strict=True):
        assert relative_error(mine, other) < ROUNDING


@pytest.mark.parametrize(("precision", "tolerance"), [("fp16", 5e-3), ("bf16", 3e-2)])
def test_half_precision_stays_close_to_float32(loaded, rng, precision, tolerance):
    exact, half = (loaded("torch", each, MUSCGEN_TINY) for each in ("fp32", precision))
    tokens = random_tokens(rng, exact, 24)
    for text in (PROMPTS[0], None):
        assert relative_error(alone(half, text, tokens), alone(exact, text, tokens)) < tolerance


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_sound_is_float32_whatever_the_language_model_computes_in(loaded, rng, precision):
    codes = rng.integers(0, 2048, (4, 30), dtype=np.int32)
    exact, half = (loaded("torch", each, MUSCGEN_TINY) for each in ("fp32", precision))
    np.testing.assert_array_equal(
        half.open_codec().push(codes, last=True), exact.open_codec().push(codes, last=True)
    )


@pytest.mark.parametrize("leave", ["open", "move"])
def test_numbers_that_are_not_finite_end_with_their_song(random_path, rng, leave):
    backend = TorchBackend.load(random_path, precision="fp32", rows=2, device="cpu", threads=1)
    tokens = random_tokens(rng, backend, 6)
    expected = alone(backend, "techno", tokens)[-1]
    alone(backend, "harp", random_tokens(rng, backend, 20))
    with torch.inference_mode():
        for slab in (backend._slab.keys, backend._slab.values):
            slab[:, 0, :, :20] = torch.nan
    if leave == "open":
        got = alone(backend, "techno", tokens)[-1]
    else:
        open_text(backend, 1, "techno")
        for n, token in enumerate(tokens[:-1]):
            both = np.stack([token, token])
            backend.step(both, np.array([19, n], np.int32))
        backend.move_row(1, 0, len(tokens) - 1)
        got = backend.step(tokens[-1:], np.array([len(tokens) - 1], np.int32))[0]
    assert relative_error(got, expected) < ROUNDING


def test_few_extents_cover_all_lengths(backend):
    lengths = [doubled(256, needed, 2048) for needed in range(1, 2049)]
    assert sorted(set(lengths)) == [256, 512, 1024, 2048]
    assert all(length >= needed for needed, length in enumerate(lengths, start=1))
    assert doubled(64, 100, 100) == 100


def test_an_extent_is_that_of_the_longest_row_and_text(random_path):
    backend = TorchBackend.load(random_path, precision="fp32", rows=3, device="cpu", threads=1)
    backend.open_row(1, backend.encode_text("jazz " * 70))
    tokens = np.zeros((2, 4), np.int32)
    with torch.inference_mode():
        assert backend._slab.put_inputs(tokens, np.array([0, 256], np.int32)) == Extent(2, 512, 128)
        assert backend._slab.put_inputs(tokens[:1], np.array([255], np.int32)) == Extent(1, 256, 64)


def scarce(limit):
    """Makes up to `limit` rows."""

    def make(rows):
        if rows > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return rows

    return make


def test_where_memory_is_short_there_are_fewer_rows_and_a_warning(caplog):
    with caplog.at_level(logging.WARNING, "muscgen"):
        assert fitting(16, scarce(16)) == 16
        assert not caplog.records
        assert fitting(16, scarce(5)) == 4
    assert caplog.records[0].fields == {"asked": 16, "rows": 4}


def test_where_not_one_song_fits_loading_is_refused():
    with pytest.raises(ConfigurationError, match="no memory for 2 rows"):
        fitting(16, scarce(1))


def test_a_backend_that_found_little_memory_says_how_many_rows_it_has(random_path, monkeypatch):
    whole = TorchBackend._rehearsed

    def rehearsed(self, rows, dtype):
        scarce(4)(rows)
        return whole(self, rows, dtype)

    monkeypatch.setattr(TorchBackend, "_rehearsed", rehearsed)
    assert TorchBackend.load(random_path, precision="fp32", rows=16, device="cpu", threads=1).rows == 4


def test_a_device_too_small_for_the_weights_is_refused_by_name(random_path, monkeypatch):
    monkeypatch.setattr("muscgen.backends.torch.backend.Decoder", lambda _: scarce(0)(1))
    with pytest.raises(ConfigurationError, match="device cpu has no memory") as refusal:
        TorchBackend.load(random_path, precision="fp32", rows=2, device="cpu", threads=1)
    assert refusal.value.param == "device"


@pytest.mark.parametrize("call", ["step", "feed"])
def test_memory_that_runs_out_in_a_step_is_a_memory_error_and_the_step_can_be_repeated(
    random_path, rng, monkeypatch, call
):
    backend = TorchBackend.load(random_path, precision="fp32", rows=2, device="cpu", threads=1)
    tokens = random_tokens(rng, backend, 3)
    expected = alone(backend, "techno", tokens)
    open_text(backend, 0, "techno")
    with monkeypatch.context() as patch:
        patch.setattr(backend._decoder, "_through", lambda *_: scarce(0)(1))
        with pytest.raises(MemoryError):
            backend.step(tokens[:1], np.zeros(1, np.int32)) if call == "step" else backend.feed(
                [0], tokens, 0
            )
    for at in range(3):
        logits = backend.step(tokens[at : at + 1], np.array([at], np.int32))
        assert_same(backend, logits[0], expected[at])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("wish", ["cuda", "cuda:3"])
def test_a_device_that_is_not_there_is_refused_by_name(wish):
    with pytest.raises(ConfigurationError, match=f"device {wish}: .* no CUDA") as refusal:
        find_device(wish, "fp32")
    assert refusal.value.param == "device"


def test_mps_computes_in_float32_or_is_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="device mps"):
        find_device("mps", "fp32")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("mps", "fp32").type == "mps"
    with pytest.raises(ConfigurationError, match="precision fp16"):
        find_device("mps", "fp16")


def test_closing_twice_is_closing_once(random_path):
    backend = TorchBackend.load(random_path, precision="fp32", rows=1, device="cpu", threads=1)
    backend.close()
    backend.close()
    assert not hasattr(backend, "_slab")
