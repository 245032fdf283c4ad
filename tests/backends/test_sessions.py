"""Loading: prepared sessions on disk, threads, texts, closing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from rows import alone, assert_same, random_tokens
from tiny import MUSCGEN_TINY

from muscgen.backends.onnx import OnnxBackend, cache
from muscgen.backends.onnx.cache import SessionCache
from muscgen.backends.onnx.exactness import signed_is_exact
from muscgen.backends.onnx.graph import GraphBuilder
from muscgen.backends.onnx.quantise import RowwiseLinear
from muscgen.backends.onnx.session import WEIGHTS
from muscgen.errors import CheckpointInvalid, PromptTooLong, StoreFull

WIDTH, CHANNELS = 96, 40


def linear_graph(scale: float = 1.0, made: list[str] | None = None):
    def make():
        if made is not None:
            made.append("weight")
        return (np.random.default_rng(5).normal(size=(CHANNELS, WIDTH)) * scale).astype(np.float32)

    g = GraphBuilder("linear")
    x = g.input("x", np.float32, ["R", WIDTH])
    g.output(g.linear(x, "weight", (CHANNELS, WIDTH), make), "y", np.float32, ["R", CHANNELS])
    return g.build()


def outcome(session):
    return session.run(["y"], {"x": np.ones((2, WIDTH), np.float32)})[0]


def entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def test_a_second_load_reads_no_weight(tmp_path):
    made: list[str] = []
    first = outcome(SessionCache(tmp_path, "a").session(linear_graph(made=made), 1))
    assert made == ["weight"]
    second = outcome(SessionCache(tmp_path, "a").session(linear_graph(made=made), 1))
    assert made == ["weight"]
    np.testing.assert_array_equal(second, first)


def test_a_disk_that_is_too_small_is_told_of_in_words_and_nothing_is_left_on_it(tmp_path, monkeypatch):
    graph = linear_graph()
    needed = 2 * CHANNELS * WIDTH * 4
    assert 2 * graph.weight_bytes == needed
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed - 1))
    with pytest.raises(StoreFull, match=r"takes 0 MB for a while.*has 0 MB free"):
        SessionCache(tmp_path, "a").session(graph, 1)
    assert entries(tmp_path) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed))
    outcome(SessionCache(tmp_path, "a").session(graph, 1))


def test_other_weights_another_machine_and_another_recipe_get_their_own_entry(tmp_path, monkeypatch):
    SessionCache(tmp_path, "a").session(linear_graph(), 1)
    other = outcome(SessionCache(tmp_path, "b").session(linear_graph(scale=2.0), 1))
    assert len(entries(tmp_path)) == 2
    assert not np.array_equal(other, outcome(SessionCache(tmp_path, "a").session(linear_graph(), 1)))
    monkeypatch.setattr(cache, "cpu_features", lambda: "another machine")
    SessionCache(tmp_path, "a").session(linear_graph(), 1)
    monkeypatch.setattr(cache, "RECIPE", cache.RECIPE + 1)
    SessionCache(tmp_path, "a").session(linear_graph(), 1)
    assert len(entries(tmp_path)) == 4


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def rot(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, rot, Path.unlink], ids=["cut", "rotten", "gone"])
@pytest.mark.parametrize("name", ["model.onnx", WEIGHTS, "manifest.json"])
def test_a_damaged_entry_is_made_again(tmp_path, damage, name):
    expected = outcome(SessionCache(tmp_path, "a").session(linear_graph(), 1))
    damage(entries(tmp_path)[0] / name)
    made: list[str] = []
    np.testing.assert_array_equal(
        outcome(SessionCache(tmp_path, "a").session(linear_graph(made=made), 1)), expected
    )
    assert made == ["weight"]
    SessionCache(tmp_path, "a").session(linear_graph(made=made), 1)
    assert made == ["weight"]
    assert len(entries(tmp_path)) == 1  # nothing is left lying about


def test_a_running_session_outlives_its_entry(tmp_path):
    session = SessionCache(tmp_path, "a").session(linear_graph(), 1)
    expected = outcome(session)
    shutil.rmtree(tmp_path)
    np.testing.assert_array_equal(outcome(session), expected)


def test_what_a_killed_process_left_behind_is_cleared_after_an_hour(tmp_path):
    old, young = tmp_path / ".preparing-old", tmp_path / ".preparing-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "raw.data").write_bytes(b"half")
    os.utime(old, (0, 0))
    SessionCache(tmp_path, "a").session(linear_graph(), 1)
    assert not old.exists()
    assert young.exists()


def test_what_nobody_asked_for_in_a_month_makes_room(tmp_path):
    SessionCache(tmp_path, "old").session(linear_graph(), 1)
    SessionCache(tmp_path, "used").session(linear_graph(), 1)
    for manifest in tmp_path.glob("*/manifest.json"):
        os.utime(manifest, (0, 0))
    SessionCache(tmp_path, "used").session(linear_graph(), 1)
    SessionCache(tmp_path, "new").session(linear_graph(), 1)
    names = {path.parent.name for path in tmp_path.glob("*/manifest.json")}
    assert len(names) == 2
    before = set(tmp_path.rglob("*"))
    SessionCache(tmp_path, "used").session(linear_graph(), 1)
    assert set(tmp_path.rglob("*")) == before


def race(directory: Path) -> list[float]:
    return outcome(SessionCache(directory, "a").session(linear_graph(), 1)).ravel().tolist()


def test_processes_that_race_get_the_same_session_and_leave_one_entry(tmp_path):
    with ProcessPoolExecutor(4, mp_context=get_context("forkserver")) as pool:
        outcomes = [future.result() for future in [pool.submit(race, tmp_path) for _ in range(8)]]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_bits_are_the_same_with_and_without_a_cache_and_with_any_number_of_threads(cache_dir, rng, precision):
    cached = OnnxBackend.load(MUSCGEN_TINY, precision=precision, rows=1, threads=2, cache_dir=cache_dir)
    fresh = OnnxBackend.load(MUSCGEN_TINY, precision=precision, rows=1, threads=1)
    tokens = random_tokens(rng, cached, 6)
    np.testing.assert_array_equal(alone(cached, "techno", tokens), alone(fresh, "techno", tokens))


@pytest.mark.parametrize("signed", [True, False])
def test_both_kinds_of_weights_give_the_same_8_bit_product(rng, signed):
    if signed and not signed_is_exact():
        pytest.skip("u8 x s8 saturates on this CPU")
    weight = rng.normal(size=(CHANNELS, WIDTH)).astype(np.float32)
    x = rng.normal(size=(5, WIDTH)).astype(np.float32) * np.float32([[1], [100], [0.01], [0], [7]])
    g = GraphBuilder("int8")
    y = RowwiseLinear(signed=signed)(
        g, g.input("x", np.float32, ["R", WIDTH]), "weight", weight.shape, lambda: weight
    )
    g.output(y, "y", np.float32, ["R", CHANNELS])
    ours = SessionCache(None, "").session(g.build(), 1).run(["y"], {"x": x})[0]
    np.testing.assert_allclose(ours, expected_int8(x, weight), rtol=1e-5, atol=1e-7)
    assert not ours[3].any()


def expected_int8(x, weight):
    """Exact integer products, in numpy."""
    row, channel = np.abs(x).max(1, keepdims=True) / 127, np.abs(weight).max(1) / 127
    steps = np.rint(np.divide(x, row, out=np.zeros_like(x), where=row > 0)).astype(np.int64)
    return (steps @ np.rint(weight / channel[:, None]).astype(np.int64).T) * channel * row


def test_a_text_too_long_is_refused_with_its_length_and_never_cut(backend):
    limit = backend.shape.max_text_tokens
    with pytest.raises(PromptTooLong, match=rf"{limit + 1} tokens.* {limit}\b") as refusal:
        backend.encode_text("jazz " * limit)  # and the end token
    assert refusal.value.param == "prompt"
    assert backend.encode_text("jazz " * (limit - 1)).tokens == limit


def test_a_text_is_encoded_once(backend, monkeypatch):
    once = backend.encode_text("a text that no other test has")
    monkeypatch.setattr(backend._prompts, "_encode", None)
    assert backend.encode_text("a text that no other test has") is once


def test_old_texts_are_forgotten_when_they_take_too_much(backend, monkeypatch):
    monkeypatch.setattr("muscgen.backends.prompts.REMEMBERED_BYTES", 0)
    first = backend.encode_text("first of two")
    backend.encode_text("second of two")
    assert backend.encode_text("first of two") is not first


def test_texts_and_sound_made_in_other_threads_change_no_bit_of_the_steps(backend, rng):
    tokens = random_tokens(rng, backend, 60)
    codes = rng.integers(0, backend.shape.vocabulary, (backend.shape.codebooks, 20), dtype=np.int32)
    quiet = alone(backend, "techno", tokens)
    sound = backend.open_codec().push(codes, last=True)
    with ThreadPoolExecutor(2) as threads:
        texts = threads.map(backend.encode_text, [f"busy text {n}" for n in range(20)])
        sounds = threads.map(lambda _: backend.open_codec().push(codes, last=True), range(10))
        assert_same(backend, alone(backend, "techno", tokens), quiet)
        assert all(text.tokens > 1 for text in texts)
        for other in sounds:
            assert_same(backend, other, sound)


def test_a_stereo_model_has_paired_delays(stereo_path, cache_dir):
    shape = OnnxBackend.load(stereo_path, precision="int8", rows=1, cache_dir=cache_dir).shape
    assert (shape.channels, shape.codebooks, shape.delays) == (2, 8, (0, 0, 1, 1, 2, 2, 3, 3))


def test_the_shape_of_muscgen_tiny(backend):
    shape = backend.shape
    assert (shape.codebooks, shape.vocabulary, shape.special, shape.delays) == (4, 2048, 2048, (0, 1, 2, 3))
    assert (shape.frame_rate, shape.sample_rate, shape.channels, shape.hop) == (50, 32_000, 1, 640)
    assert shape.max_frames >= 1_500
    assert shape.max_text_tokens == 128


def test_a_tokenizer_that_is_none_makes_the_checkpoint_invalid(tmp_path):
    path = shutil.copytree(MUSCGEN_TINY, tmp_path / "model")
    (path / "tokenizer.json").write_text(json.dumps({"no": "tokenizer"}), "utf-8")
    with pytest.raises(CheckpointInvalid, match=r"tokenizer\.json"):
        OnnxBackend.load(path, precision="fp32", rows=1)


def test_closing_gives_the_slab_back_and_may_be_done_twice(stereo_path, cache_dir):
    backend = OnnxBackend.load(stereo_path, precision="fp32", rows=1, cache_dir=cache_dir)
    slab = weakref.ref(backend._slab)
    backend.close()
    backend.close()
    assert slab() is None


def test_text_states_of_another_backend_are_refused(backend):
    with pytest.raises(TypeError, match="encode_text"):
        backend.open_row(0, object())


def test_neither_torch_nor_onnx_is_needed_to_run(tmp_path):
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'onnx'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from muscgen.backends.onnx import OnnxBackend\n"
        f"OnnxBackend.load(Path({str(MUSCGEN_TINY)!r}), precision='int8', rows=2).encode_text('jazz')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_importing_the_backend_leaves_nothing_in_an_empty_home(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", "import muscgen.backends.onnx"],
        env=environment | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")},
        check=True,
    )
    assert not list(tmp_path.iterdir())
