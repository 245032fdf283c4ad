"""audiocraft's layout: the same checkpoint as transformers', and nothing in it is run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import MUSCGEN_TINY, random_checkpoint
from twins import audiocraft_twin, save

from muscgen.backends.onnx import OnnxBackend
from muscgen.errors import CheckpointInvalid
from muscgen.models.card import read_card
from muscgen.models.checkpoint import Checkpoint, sha256
from muscgen.models.config import MelodyConfig
from muscgen.models.torchfile import read_torch
from muscgen.models.xpcfg import read_cfg

pytestmark = pytest.mark.oracle

LM, CODEC = "state_dict.bin", "compression_state_dict.bin"


@pytest.fixture(scope="session")
def mono(tmp_path_factory) -> Path:
    return random_checkpoint(tmp_path_factory.mktemp("transformers") / "mono", seed=11)


@pytest.fixture(scope="session")
def mono_twin(mono, tmp_path_factory) -> Path:
    return audiocraft_twin(mono, tmp_path_factory.mktemp("audiocraft") / "mono")


@pytest.fixture(scope="session")
def stereo(tmp_path_factory) -> Path:
    """Heads of 64, as every published model has them."""
    path = tmp_path_factory.mktemp("transformers") / "stereo"
    return random_checkpoint(path, seed=12, stereo=True, head_width=64)


@pytest.fixture
def twin(mono_twin, tmp_path) -> Path:
    """One that may be broken."""
    return shutil.copytree(mono_twin, tmp_path / "twin")


def change(path: Path, edit) -> None:
    """Load a .bin, edit what it holds, save it again."""
    package = torch.load(path, weights_only=True)
    edit(package)
    save(path, package)


def steps(path: Path) -> list[np.ndarray]:
    """Logits of a few steps with a text and without."""
    backend = OnnxBackend.load(path, precision="fp32", rows=2)
    tokens = np.random.default_rng(5).integers(0, 2048, (4, 2, backend.shape.codebooks)).astype(np.int32)
    backend.open_row(0, backend.encode_text("techno, 120 bpm"))
    backend.open_row(1, None)
    logits = [backend.step(tokens[n], np.full(2, n, np.int32)) for n in range(4)]
    backend.close()
    return logits


def test_every_tensor_and_size_of_a_mono_twin_is_the_originals(mono, mono_twin):
    ours, theirs = Checkpoint(mono_twin), Checkpoint(mono)
    assert ours.config == theirs.config
    for name in theirs._sources:
        np.testing.assert_array_equal(ours.tensor(name), theirs.tensor(name))


def test_every_tensor_and_size_of_a_stereo_twin_is_the_originals_without_xp_cfg(stereo, tmp_path):
    path = audiocraft_twin(stereo, tmp_path / "stereo")
    for name in (LM, CODEC):
        change(path / name, lambda package: package.pop("xp.cfg"))
    ours, theirs = Checkpoint(path), Checkpoint(stereo)
    assert ours.config == theirs.config
    for name in theirs._sources:
        np.testing.assert_array_equal(ours.tensor(name), theirs.tensor(name))


def test_the_twins_logits_are_the_originals_bit_for_bit(mono, mono_twin):
    for ours, theirs in zip(steps(mono_twin), steps(mono), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float16, 1e-3), (torch.bfloat16, 8e-3)])
def test_half_precision_is_read_as_float32(mono, tmp_path, dtype, rtol):
    ours, theirs = Checkpoint(audiocraft_twin(mono, tmp_path / "half", dtype)), Checkpoint(mono)
    for name in theirs._sources:
        np.testing.assert_allclose(ours.tensor(name), theirs.tensor(name), rtol=rtol, atol=rtol / 10)


def test_a_folder_with_both_layouts_is_read_from_its_safetensors(mono, tmp_path):
    both = shutil.copytree(mono, tmp_path / "both")
    (both / LM).write_bytes(b"never looked at")
    assert sha256(both) == sha256(mono)


def test_a_card_makes_it_a_model_like_any_other(twin, mono):
    shutil.copyfile(mono / "card.toml", twin / "card.toml")
    card = read_card(twin)
    assert (card.sample_rate_hz, card.channels, card.adapter) == (32_000, 1, None)
    assert card.revision == sha256(twin) != sha256(mono)


def test_the_revision_changes_with_either_file_and_with_the_text_encoder(twin):
    seen = {sha256(twin)}
    for name in (LM, CODEC, "text_encoder/model.safetensors"):
        (twin / name).write_bytes((twin / name).read_bytes() + b"\0")
        seen.add(sha256(twin))
    assert len(seen) == 4


def test_a_whole_t5_may_lie_there_with_its_decoder(twin, mono):
    from safetensors.torch import load_file, save_file

    file = twin / "text_encoder" / "model.safetensors"
    tensors = load_file(file)
    more = {name: torch.zeros(2) for name in ("lm_head.weight", "decoder.final_layer_norm.weight")}
    save_file({**tensors, **more}, file)
    assert Checkpoint(twin).config == Checkpoint(mono).config


@pytest.mark.parametrize(
    "missing",
    [CODEC, "text_encoder/config.json", "text_encoder/tokenizer.json", "text_encoder/model.safetensors"],
)
def test_what_is_missing_is_named(twin, missing):
    (twin / missing).unlink()
    with pytest.raises(CheckpointInvalid, match=missing.rsplit("/", maxsplit=1)[-1]):
        Checkpoint(twin)


def test_a_pointer_to_another_codec_is_refused_with_its_name(twin):
    save(twin / CODEC, {"pretrained": "facebook/encodec_32khz"})
    with pytest.raises(CheckpointInvalid, match=r"pointer to facebook/encodec_32khz: put in its place"):
        Checkpoint(twin)


def test_a_melody_model_is_read_with_its_conditioner(tmp_path):
    original = random_checkpoint(tmp_path / "melody", seed=13, melody=True)
    ours, theirs = Checkpoint(audiocraft_twin(original, tmp_path / "twin")), Checkpoint(original)
    assert ours.config.melody == MelodyConfig(frames=63, bins=12, sample_rate=32_000, n_fft=2_048, hop=512)
    name = "audio_enc_to_dec_proj.weight"
    assert np.array_equal(ours.tensor(name), theirs.tensor(name))


def test_a_model_that_listens_to_something_else_is_refused_by_name(twin):
    name = "condition_provider.conditioners.style.output_proj.weight"
    change(twin / LM, lambda package: package["best_state"].update({name: torch.zeros(64, 12)}))
    with pytest.raises(CheckpointInvalid, match="listens to style"):
        Checkpoint(twin)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("transformer.layers.1.linear2.weight", r"missing: decoder\.model\.decoder\.layers\.1\.fc2\.weight"),
        ("transformer.layers.0.self_attn.in_proj_weight", r"missing: .*self_attn\.k_proj\.weight"),
        ("out_norm.weight", r"missing: out_norm\.weight"),
    ],
)
def test_a_missing_tensor_is_named(twin, name, said):
    change(twin / LM, lambda package: package["best_state"].pop(name))
    with pytest.raises(CheckpointInvalid, match=said):
        Checkpoint(twin)


def test_an_unknown_tensor_is_named(twin):
    extra = {"transformer.layers.0.layer_scale_1.scale": torch.ones(64)}
    change(twin / LM, lambda package: package["best_state"].update(extra))
    with pytest.raises(CheckpointInvalid, match=r"unknown tensors: transformer\.layers\.0\.layer_scale_1"):
        Checkpoint(twin)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (LM, "modeling: delay", "modeling: parallel", "codebooks_pattern.modeling"),
        (LM, "activation: gelu", "activation: swish", "transformer_lm.activation"),
        (LM, "num_heads: 2", "num_heads: many", "transformer_lm.num_heads"),
        (LM, "    - 3", "    - 9", "codebooks lag 0,1,2,9"),
        (CODEC, "  causal: false", "  causal: true", "encodec.causal"),
    ],
)
def test_a_configuration_that_would_be_noise_is_refused(twin, file, old, new, said):
    def edit(package):
        assert old in package["xp.cfg"]
        package["xp.cfg"] = package["xp.cfg"].replace(old, new)

    change(twin / file, edit)
    with pytest.raises(CheckpointInvalid, match=said):
        Checkpoint(twin)


def test_the_yaml_of_a_configuration_is_read_by_its_leaves():
    text = "a:\n  b: 'x'\n  c: [1, 2]\n  d:\n  - 3\n  - 4\ne: ${a.b}\nf: null\n# a comment\n"
    assert read_cfg(text) == {"a.b": ("x",), "a.c": ("1", "2"), "a.d": ("3", "4"), "f": ("null",)}


class Runs:
    """An object whose pickle calls `function` when it is read carelessly."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "hide",
    [
        lambda evil: evil,
        lambda evil: {"best_state": OrderedDict(weight=evil), "xp.cfg": ""},
        lambda evil: {"best_state": {}, "xp.cfg": [1, [2, (evil,)]]},
    ],
)
def test_a_pickle_that_calls_is_refused_and_does_not_call(twin, tmp_path, hide):
    marker = tmp_path / "called"
    save(twin / LM, hide(Runs(os.system, f"touch {marker}")))
    with pytest.raises(CheckpointInvalid, match=r"(posix|nt)\.system.*refused"):
        Checkpoint(twin)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (eval, ("1",), r"__builtin__\.eval"),
        (getattr, ("a", "upper"), r"__builtin__\.getattr"),
        (torch.nn.Linear, (1, 1), r"torch\.nn\.modules\.linear\.Linear"),
        (shutil.rmtree, ("nowhere",), r"shutil\.rmtree"),
    ],
)
def test_every_global_that_no_checkpoint_needs_is_refused(tmp_path, function, arguments, named):
    save(tmp_path / "file.bin", Runs(function, *arguments))
    with pytest.raises(CheckpointInvalid, match=named):
        read_torch(tmp_path / "file.bin")


def pickled(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/data/0", bytes(16))
    return path


STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"


def test_a_pickle_cannot_point_a_tensor_to_another_file(tmp_path):
    with pytest.raises(CheckpointInvalid, match="no state to set"):
        read_torch(pickled(tmp_path / "file.bin", b"\x80\x02" + STORAGE + b"](X\x04\0\0\0/etceb."))


@pytest.mark.parametrize(
    ("shape", "said"),
    [(b"K\x05\x85", "beyond"), (b"J\xff\xff\xff\xff\x85", "ValueError"), (b"K\x02K\x02\x86", "contiguous")],
)
def test_a_tensor_stays_within_its_storage(tmp_path, shape, said):
    strides = b"K\x01K\x02\x86" if shape.endswith(b"\x86") else b"K\x01\x85"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x00" + shape + strides + b"\x89N"
    with pytest.raises(CheckpointInvalid, match=said):
        read_torch(pickled(tmp_path / "file.bin", b"\x80\x02" + rebuild + b"tR."))


@pytest.mark.parametrize("content", [b"", b".", b"\x80\x02K", b"\x80\x02q", b"garbage", b"\x80\x02]0."])
def test_a_pickle_that_is_none_is_refused(tmp_path, content):
    with pytest.raises(CheckpointInvalid, match="file of torch"):
        read_torch(pickled(tmp_path / "file.bin", content))


@pytest.mark.parametrize("length", [0, 100, 50_000, -30, -30_000])
def test_a_file_that_was_cut_short_is_refused(twin, length):
    file = twin / LM
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointInvalid, match="state_dict"):
        Checkpoint(twin)


def test_the_format_before_zips_is_refused(twin):
    torch.save({"best_state": {}}, twin / LM, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointInvalid, match="no zip"):
        Checkpoint(twin)


def test_a_file_that_was_compressed_again_is_refused(twin):
    with zipfile.ZipFile(twin / LM) as plain:
        entries = {name: plain.read(name) for name in plain.namelist()}
    with zipfile.ZipFile(twin / LM, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    with pytest.raises(CheckpointInvalid, match="compressed"):
        Checkpoint(twin)


@pytest.mark.parametrize(
    "package",
    [
        [1],
        {"best_state": 3},
        {"best_state": {"a": "b"}},
        {"best_state": {3: torch.ones(1)}},
        {"best_state": {}},
    ],
)
def test_a_file_without_a_state_is_refused(twin, package):
    save(twin / LM, package)
    with pytest.raises(CheckpointInvalid):
        Checkpoint(twin)


def test_it_is_read_without_torch(mono_twin):
    program = (
        "import sys\nfrom pathlib import Path\nfrom muscgen.models.checkpoint import Checkpoint\n"
        "checkpoint = Checkpoint(Path(sys.argv[1]))\ncheckpoint.tensor('decoder.lm_heads.0.weight')\n"
        "assert not {'torch', 'onnxruntime', 'transformers', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(mono_twin)], check=True, timeout=60)


def test_the_builtin_model_survives_the_journey(tmp_path):
    twin = audiocraft_twin(MUSCGEN_TINY, tmp_path / "tiny")
    ours, theirs = Checkpoint(twin), Checkpoint(MUSCGEN_TINY)
    assert ours.config == theirs.config
    assert json.loads((twin / "text_encoder" / "config.json").read_text("utf-8"))["d_model"] == 192
    for name in theirs._sources:
        np.testing.assert_array_equal(ours.tensor(name), theirs.tensor(name))
