"""Codes that are known go in many at a time, and leave what steps leave."""

from __future__ import annotations

import gc
import shutil
import tempfile

import numpy as np
import onnx
import pytest
from rows import alone, assert_same, open_text, random_tokens
from tiny import MELODY_FRAMES, MUSCGEN_TINY, random_checkpoint

from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.onnx.chain import chain_names, chained
from muscgen.backends.torch import TorchBackend

TEXT = "sad violin over strings in D minor, slow"
LENGTHS = [1, 5, 16, 17, 40]


def step(backend, row, token, position):
    """The logits of the last of `row`'s steps; rows before it step in place, at the beginning."""
    tokens = np.full((row + 1, backend.shape.codebooks), backend.shape.special, np.int32)
    positions = np.zeros(row + 1, np.int32)
    tokens[row], positions[row] = token, position
    return backend.step(tokens, positions)[row]


@pytest.mark.parametrize("length", LENGTHS)
def test_known_tokens_leave_what_as_many_steps_leave(any_backend, rng, length):
    tokens = random_tokens(rng, any_backend, length + 3)
    stepped = alone(any_backend, TEXT, tokens)[length:]
    open_text(any_backend, 0, TEXT)
    any_backend.feed([0], tokens[:length], 0)
    fed = [step(any_backend, 0, tokens[at], at) for at in range(length, length + 3)]
    assert_same(any_backend, np.stack(fed), stepped)


@pytest.mark.parametrize("rows", [(2, 3), (3, 1), (5,)])
def test_a_songs_rows_are_fed_wherever_they_lie_and_no_other_is_touched(backend, rng, rows):
    tokens = random_tokens(rng, backend, 30)
    texts = dict(zip(rows, [TEXT, None], strict=False))
    stepped = {row: alone(backend, text, tokens)[-1] for row, text in texts.items()}
    others = [row for row in range(5) if row not in rows]
    other = alone(backend, "techno", tokens)[-1]
    for row in others:
        open_text(backend, row, "techno")
        backend.feed([row], tokens[:29], 0)
    for row, text in texts.items():
        open_text(backend, row, text)
    for start, stop in ((0, 20), (20, 29)):
        backend.feed(rows, tokens[start:stop], start)
    for row in rows:
        assert_same(backend, step(backend, row, tokens[-1], 29), stepped[row])
    for row in others[1:]:  # `step` steps the first one in place
        assert_same(backend, step(backend, row, tokens[-1], 29), other)


def test_feeding_and_stepping_take_turns(backend, rng):
    tokens = random_tokens(rng, backend, 60)
    stepped = alone(backend, TEXT, tokens)
    open_text(backend, 0, TEXT)
    at = 0
    for fed, steps in ((7, 1), (16, 2), (3, 3), (20, 8)):
        backend.feed([0], tokens[at : at + fed], at)
        at += fed
        for _ in range(steps):
            assert_same(backend, step(backend, 0, tokens[at], at), stepped[at])
            at += 1


def test_the_last_positions_of_a_row_can_be_fed(backend, rng):
    last = backend.shape.max_steps
    tokens = random_tokens(rng, backend, 5)
    open_text(backend, 0, TEXT)
    for at in range(4):
        backend.step(tokens[at][None], np.array([last - 5 + at], np.int32))
    stepped = step(backend, 0, tokens[4], last - 1)
    open_text(backend, 0, TEXT)
    backend.feed([0], tokens[:4], last - 5)
    assert_same(backend, step(backend, 0, tokens[4], last - 1), stepped)


@pytest.mark.parametrize(
    ("rows", "steps", "position"), [((), 1, 0), ((16,), 1, 0), ((1, 1), 1, 0), ((0,), 0, 0), ((0,), 2, 2047)]
)
def test_what_does_not_lie_in_the_slab_is_refused(backend, rows, steps, position):
    tokens = np.zeros((steps, backend.shape.codebooks), np.int32)
    with pytest.raises(ValueError, match=r"rows are|positions are"):
        backend.feed(rows, tokens, position)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("gone", [False, True])
def test_without_a_cache_codes_are_fed_too_and_where_its_files_have_gone_stepped(
    rng, tmp_path, precision, gone
):
    backend = OnnxBackend.load(
        MUSCGEN_TINY, precision=precision, rows=2, threads=1, cache_dir=tmp_path / "gone" if gone else None
    )
    if gone:
        shutil.rmtree(tmp_path / "gone")
    tokens = random_tokens(rng, backend, 20)
    stepped = alone(backend, TEXT, tokens)[-1]
    for row in range(2):
        open_text(backend, row, TEXT)
    backend.feed([0, 1], tokens[:-1], 0)
    assert backend._chain.tokens == (1 if gone else 16)
    assert_same(backend, step(backend, 1, tokens[-1], 19), stepped)
    backend.close()


def test_without_a_cache_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    backend = OnnxBackend.load(MUSCGEN_TINY, precision="fp32", rows=2, threads=1)
    assert list(tmp_path.iterdir())
    backend.close()
    del backend
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["onnx-fp32", "onnx-int8", "torch"])
@pytest.mark.parametrize("companion", [None, "a longer text than the other row has, by far"])
def test_what_a_melody_model_hears_before_the_codes_is_fed(tmp_path_factory, cache_dir, rng, kind, companion):
    """Rows whose prefixes differ in length wait for each other."""
    path = tmp_path_factory.getbasetemp() / "fed-melody"
    path = path if path.exists() else random_checkpoint(path, seed=8, melody=True)
    backend = (
        TorchBackend.load(path, precision="fp32", rows=2, device="cpu", threads=1)
        if kind == "torch"
        else OnnxBackend.load(path, precision=kind[5:], rows=2, cache_dir=cache_dir)
    )
    melody = np.eye(12, dtype=np.float32)[rng.integers(0, 12, MELODY_FRAMES)]
    tokens = random_tokens(rng, backend, 9)

    def after(fed: bool):
        texts = [backend.encode_text(TEXT), companion and backend.encode_text(companion)]
        leads = [backend.open_row(row, text, melody) for row, text in enumerate(texts)]
        lead = max(leads)
        if fed:
            line = np.concatenate([np.repeat(tokens[:1], lead, axis=0), tokens[:-1]])
            for start in range(0, len(line), 16):
                backend.feed([0, 1], line[start : start + 16], start - lead)
        for at in range(-lead, len(tokens)) if not fed else [len(tokens) - 1]:
            here = np.repeat(tokens[max(at, 0)][None], 2, axis=0)
            logits = backend.step(here, np.full(2, at, np.int32))
        return logits

    assert_same(backend, after(fed=True), after(fed=False))
    backend.close()


def test_a_chain_is_the_steps_graph_with_as_many_attentions_and_without_logits(tmp_path):
    OnnxBackend.load(MUSCGEN_TINY, precision="fp32", rows=1, cache_dir=tmp_path)
    (prepared,) = tmp_path.glob("step-*")
    model = (prepared / "model.onnx").read_bytes()
    before, after = onnx.load_model_from_string(model), onnx.load_model_from_string(chained(model, 4))
    kinds = [[node.op_type for node in read.graph.node] for read in (before, after)]
    assert kinds[1].count("GroupQueryAttention") == 4 * kinds[0].count("GroupQueryAttention") > 0
    assert list(after.graph.initializer) == list(before.graph.initializer)  # the same weights
    slabs = [value.name for value in before.graph.output if value.name != "logits"]
    assert [value.name for value in after.graph.output] == [
        name for slab in slabs for name in chain_names(slab, 4)
    ]
