"""Checkpoint folders: what is read, and how a broken one says what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import MUSCGEN_TINY, random_checkpoint

from muscgen.errors import CheckpointInvalid
from muscgen.models.checkpoint import Checkpoint, sha256

pytestmark = pytest.mark.oracle

CONV = "audio_encoder.decoder.layers.0.conv"


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Path:
    return random_checkpoint(tmp_path_factory.mktemp("checkpoints") / "original", seed=4)


@pytest.fixture
def copy(original, tmp_path) -> Path:
    return shutil.copytree(original, tmp_path / "copy")


def rewrite(path: Path, change) -> Path:
    tensors = load_file(path / "model.safetensors")
    change(tensors)
    save_file(tensors, path / "model.safetensors")
    return path


def configure(path: Path, part: str, **values: object) -> Path:
    config = json.loads((path / "config.json").read_text("utf-8"))
    config[part].update(values)
    (path / "config.json").write_text(json.dumps(config), "utf-8")
    return path


def equal(one: Checkpoint, other: Checkpoint, **tolerance: float) -> None:
    for name in one._sources:
        np.testing.assert_allclose(one.tensor(name), other.tensor(name), **tolerance)


def test_weight_norm_is_folded_as_torch_folds_it(original):
    import torch

    tensors = load_file(original / "model.safetensors")
    g, v = (torch.from_numpy(tensors[f"{CONV}.parametrizations.weight.original{n}"]) for n in range(2))
    theirs = torch._weight_norm(v, g, 0).numpy()
    np.testing.assert_allclose(Checkpoint(original).tensor(f"{CONV}.weight"), theirs, rtol=1e-6, atol=1e-8)


def test_the_old_names_of_weight_norm_are_read(original, copy):
    def rename(tensors):
        for name in list(tensors):
            old = name.replace("parametrizations.weight.original0", "weight_g")
            tensors[old.replace("parametrizations.weight.original1", "weight_v")] = tensors.pop(name)

    equal(Checkpoint(rewrite(copy, rename)), Checkpoint(original), rtol=0)


def test_kernels_that_were_folded_before_are_read(original, copy):
    folded = Checkpoint(original).tensor(f"{CONV}.weight")

    def fold(tensors):
        for n in range(2):
            del tensors[f"{CONV}.parametrizations.weight.original{n}"]
        tensors[f"{CONV}.weight"] = folded

    equal(Checkpoint(rewrite(copy, fold)), Checkpoint(original), rtol=0)


def test_shards_are_read(original, tmp_path):
    sharded = random_checkpoint(tmp_path / "sharded", seed=4, max_shard_size="2MB")
    assert len(list(sharded.glob("model-*.safetensors"))) > 1
    equal(Checkpoint(sharded), Checkpoint(original), rtol=0)
    assert sha256(sharded) != sha256(original)


@pytest.mark.parametrize(("dtype", "rtol"), [("float16", 1e-3), ("bfloat16", 8e-3)])
def test_half_precision_is_read_as_float32(original, copy, dtype, rtol):
    import torch
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    file = copy / "model.safetensors"
    half = {name: tensor.to(getattr(torch, dtype)) for name, tensor in load_torch(file).items()}
    save_torch(half, file)
    checkpoint = Checkpoint(copy)
    equal(checkpoint, Checkpoint(original), rtol=2 * rtol, atol=rtol / 10)
    assert checkpoint.tensor("decoder.lm_heads.0.weight").dtype == np.float32


def test_the_sinusoid_table_of_older_files_is_known_and_ignored(copy):
    table = np.zeros((4, 4), np.float32)
    Checkpoint(rewrite(copy, lambda t: t.update({"decoder.model.decoder.embed_positions.weights": table})))


def test_the_other_name_of_the_text_embedding_is_read(original, copy):
    def rename(tensors):
        tensors["text_encoder.encoder.embed_tokens.weight"] = tensors.pop("text_encoder.shared.weight")

    equal(Checkpoint(rewrite(copy, rename)), Checkpoint(original), rtol=0)


def test_a_missing_tensor_is_named(copy):
    name = "decoder.model.decoder.layers.1.fc1.weight"
    with pytest.raises(CheckpointInvalid, match=rf"missing: {name}$"):
        Checkpoint(rewrite(copy, lambda tensors: tensors.pop(name)))


def test_half_a_weight_norm_is_missing(copy):
    half = f"{CONV}.parametrizations.weight.original0"
    with pytest.raises(CheckpointInvalid, match=rf"missing: {CONV}\.weight$"):
        Checkpoint(rewrite(copy, lambda tensors: tensors.pop(half)))


def test_an_unknown_tensor_is_named(copy):
    with pytest.raises(CheckpointInvalid, match=r"unknown tensors: decoder\.surprise$"):
        Checkpoint(
            rewrite(copy, lambda tensors: tensors.update({"decoder.surprise": np.zeros(1, np.float32)}))
        )


def test_many_missing_tensors_are_counted_rather_than_listed(copy):
    def forget(tensors):
        for name in [name for name in tensors if name.startswith("text_encoder")]:
            del tensors[name]

    with pytest.raises(CheckpointInvalid, match=r"missing: .* and \d+ more$"):
        Checkpoint(rewrite(copy, forget))


def test_a_tensor_of_another_shape_is_named_with_both_shapes(copy):
    name = "decoder.lm_heads.3.weight"
    wrong = np.zeros((7, 64), np.float32)
    with pytest.raises(CheckpointInvalid, match=rf"{name} has shape \[7, 64\], not \[2048, 64\]"):
        Checkpoint(rewrite(copy, lambda tensors: tensors.update({name: wrong})))


@pytest.mark.parametrize("length", [0, 5, 4_000, -4])
def test_a_file_that_was_cut_short_is_refused(copy, length):
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointInvalid, match="safetensors"):
        Checkpoint(copy)


def test_a_folder_without_weights_is_refused(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointInvalid, match="neither"):
        Checkpoint(copy)


@pytest.mark.parametrize(
    ("part", "values", "said"),
    [
        ("decoder", {"model_type": "musicgen_melody_decoder"}, "model_type"),
        ("decoder", {"activation_function": "swish"}, "activation_function"),
        ("decoder", {"num_attention_heads": 16}, "multiple of 8"),
        ("decoder", {"num_codebooks": 5}, "the codec has 4"),
        ("decoder", {"audio_channels": 3}, "3 channels"),
        ("decoder", {"num_attention_heads": 0}, "num_attention_heads is 0; a whole number"),
        ("decoder", {"num_codebooks": "4"}, "num_codebooks is '4'"),
        ("decoder", {"ffn_dim": None}, "ffn_dim is None"),
        ("decoder", {"pad_token_id": 0}, "pad_token_id is 0; only 2048"),
        ("audio_encoder", {"upsampling_ratios": [8, 5, 0, 4]}, "upsampling_ratios is 0"),
        ("audio_encoder", {"codebook_size": True}, "codebook_size is True"),
        ("text_encoder", {"num_heads": 1.5}, "num_heads is 1.5"),
        ("audio_encoder", {"use_causal_conv": True}, "use_causal_conv"),
        ("audio_encoder", {"norm_type": "time_group_norm"}, "norm_type"),
        ("text_encoder", {"feed_forward_proj": "gated-gelu"}, "feed_forward_proj"),
    ],
)
def test_a_model_that_this_code_cannot_run_says_why(copy, part, values, said):
    with pytest.raises(CheckpointInvalid, match=said):
        Checkpoint(configure(copy, part, **values))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"text_encoder": 3}'])
def test_a_config_that_is_none_is_refused(copy, content):
    (copy / "config.json").write_text(content, "utf-8")
    with pytest.raises(CheckpointInvalid, match=r"config\.json"):
        Checkpoint(copy)


def test_the_revision_of_the_builtin_model_is_the_sum_of_its_file():
    import hashlib

    content = (MUSCGEN_TINY / "model.safetensors").read_bytes()
    assert sha256(MUSCGEN_TINY) == hashlib.sha256(content).hexdigest()
