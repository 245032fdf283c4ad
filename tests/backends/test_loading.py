"""Which backend a wish gets, and which wishes are refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tiny import MUSCGEN_TINY

from muscgen import backends
from muscgen.backends import Choice, choose, loading
from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.torch import device as torch_device
from muscgen.errors import ConfigurationError


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(loading, "_cuda_is_there", lambda: False)
    monkeypatch.setattr(torch_device.torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_cuda")
@pytest.mark.parametrize(
    ("wish", "choice"),
    [
        (("auto", "auto", "fp32"), Choice("onnx", "cpu", "fp32")),
        (("auto", "cpu", "int8"), Choice("onnx", "cpu", "int8")),
        (("onnx", "auto", "int8"), Choice("onnx", "cpu", "int8")),
        (("torch", "auto", "fp32"), Choice("torch", "cpu", "fp32")),
        (("torch", "cpu", "bf16"), Choice("torch", "cpu", "bf16")),
    ],
)
def test_without_cuda_onnx_is_chosen_unless_torch_is_named(wish, choice):
    assert choose(*wish) == choice


@pytest.mark.parametrize(
    ("wish", "backend"),
    [
        (("auto", "fp16"), "torch"),
        (("auto", "fp32"), "torch"),
        (("cpu", "fp32"), "onnx"),
        (("auto", "int8"), "onnx"),
    ],
)
def test_with_cuda_torch_is_chosen_where_it_can_do_what_is_asked(monkeypatch, wish, backend):
    monkeypatch.setattr(loading, "_cuda_is_there", lambda: True)
    monkeypatch.setattr(torch_device, "find_device", lambda *_: "cuda:0")
    assert choose("auto", *wish).backend == backend


@pytest.mark.usefixtures("no_cuda")
@pytest.mark.parametrize(
    ("wish", "param", "words"),
    [
        (("auto", "auto", "fp16"), "precision", "fp16.* onnx backend"),
        (("auto", "cpu", "bf16"), "precision", "bf16.* onnx backend"),
        (("onnx", "cpu", "fp16"), "precision", "fp16.* fp32 and int8"),
        (("torch", "cpu", "int8"), "precision", "int8.* torch backend"),
        (("onnx", "cuda", "fp32"), "device", "no device cuda"),
        (("auto", "cuda:1", "int8"), "device", "no device cuda:1: precision int8"),
        (("auto", "cuda", "fp32"), "device", "device cuda"),
        (("torch", "cuda:0", "fp16"), "device", "device cuda:0"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(wish, param, words):
    with pytest.raises(ConfigurationError, match=words) as refusal:
        choose(*wish)
    assert refusal.value.param == param


@pytest.mark.parametrize("kind", ["onnx", "torch"])
def test_a_choice_is_loaded(kind, cache_dir):
    backend = backends.load(MUSCGEN_TINY, Choice(kind, "cpu", "fp32"), rows=2, cache_dir=cache_dir)
    assert (backend.rows, backend.shape.codebooks) == (2, 4)
    backend.close()


def program(text):
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout


def test_without_pytorch_torch_is_refused_with_what_to_install():
    said = program(
        "import sys; sys.modules['torch'] = None\n"
        "from muscgen.backends import choose\n"
        "print(choose('auto', 'auto', 'fp32').backend)\n"
        "try: choose('torch', 'cpu', 'fp32')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    assert said.splitlines()[0] == "onnx"
    assert "ConfigurationError" in said
    assert "muscgen[cuda]" in said


def test_where_no_songs_can_be_made_it_is_said_what_is_missing():
    said = program(
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from muscgen.backends import choose\n"
        "try: choose('auto', 'cpu', 'fp32')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    assert said.startswith("ConfigurationError")
    assert "pip install onnxruntime" in said


def test_choosing_loads_no_runtime_that_is_not_chosen():
    said = program(
        "import sys\n"
        "from muscgen.backends import choose\n"
        "choose('auto', 'cpu', 'fp32')\n"
        "print({'torch', 'onnxruntime', 'onnx', 'transformers'} & set(sys.modules))\n"
    )
    assert said.strip() == "set()"


@pytest.mark.parametrize(
    ("precision", "kv", "chosen"),
    [("fp32", "auto", None), ("int8", "auto", None), ("int8", "fp32", "fp32"), ("fp32", "int8", "int8")],
)
def test_attention_remembers_in_what_was_asked_for(precision, kv, chosen):
    assert choose("onnx", "cpu", precision, kv).kv == chosen


def test_the_torch_backend_has_no_choice_of_memory():
    with pytest.raises(ConfigurationError, match="kv_precision int8") as caught:
        choose("torch", "cpu", "fp32", "int8")
    assert caught.value.param == "kv_precision"


def test_remembering_in_8_bits_takes_a_quarter_and_changes_little(rng):
    tokens = rng.integers(0, 2048, (40, 4), dtype=np.int32)
    tokens[0] = 2048
    logits, sizes = [], []
    for kv in ("fp32", "int8"):
        backend = OnnxBackend.load(MUSCGEN_TINY, precision="fp32", rows=1, kv=kv)
        backend.open_row(0, backend.encode_text("techno"))
        logits.append([backend.step(step[None], np.array([at], np.int32)) for at, step in enumerate(tokens)])
        sizes.append(sum(slab.nbytes for name, slab in backend._slab._slabs.items() if "self" in name))
        backend.close()
    exact, quick = map(np.array, logits)
    assert sizes[0] == 4 * sizes[1]
    assert 0 < np.sqrt(np.mean((quick - exact) ** 2) / np.mean(exact**2)) < 0.01
