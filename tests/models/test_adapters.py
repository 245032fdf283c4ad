"""LoRA adapters: merged as peft merges them, refused where they do not fit, models by their own card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import MUSCGEN_TINY, oracle, random_checkpoint

from muscgen.backends.onnx import OnnxBackend
from muscgen.errors import CheckpointInvalid
from muscgen.models.checkpoint import Checkpoint, sha256
from muscgen.models.registry import Registry

pytestmark = pytest.mark.oracle

LAYER = "decoder.model.decoder.layers.0"
QUERY, VALUE, FC1 = f"{LAYER}.self_attn.q_proj", f"{LAYER}.encoder_attn.v_proj", f"{LAYER}.fc1"
HEAD, EMBEDDING = "decoder.lm_heads.1", "decoder.model.decoder.embed_tokens.2"
TEXT = "text_encoder.encoder.block.1.layer.0.SelfAttention.q"
PROJECTION = "enc_to_dec_proj"


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return random_checkpoint(tmp_path_factory.mktemp("bases") / "base", seed=21)


def adapter(path: Path, tensors: dict[str, np.ndarray], **config: object) -> Path:
    """An adapter's folder as peft writes it."""
    path.mkdir(parents=True)
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "init_lora_weights": True, **config}
    (path / "adapter_config.json").write_text(json.dumps(settings), "utf-8")
    save_file(
        {f"base_model.model.{name}": value for name, value in tensors.items()},
        path / "adapter_model.safetensors",
    )
    return path


def low_rank(base: Path, module: str, rank: int = 4) -> dict[str, np.ndarray]:
    """Random A and B for a linear layer of `base`."""
    rng = np.random.default_rng(sum(module.encode()) + rank)
    out, inner = Checkpoint(base).shape(f"{module}.weight")
    a, b = rng.normal(0, 0.3, (rank, inner)), rng.normal(0, 0.3, (out, rank))
    return {f"{module}.lora_A.weight": a.astype(np.float32), f"{module}.lora_B.weight": b.astype(np.float32)}


def gained(base: Path, path: Path, module: str) -> np.ndarray:
    name = f"{module}.weight"
    return Checkpoint(base, path).tensor(name) - Checkpoint(base).tensor(name)


def product(tensors: dict[str, np.ndarray], module: str) -> np.ndarray:
    """B A, the slow way."""
    a, b = (tensors[f"{module}.lora_{letter}.weight"].astype(np.float64) for letter in "AB")
    return np.einsum("or,ri->oi", b, a)


@pytest.mark.parametrize("module", [QUERY, VALUE, FC1, HEAD, TEXT, PROJECTION])
def test_a_linear_layer_gains_alpha_over_r_times_b_a(base, tmp_path, module):
    tensors = low_rank(base, module)
    path = adapter(tmp_path / "a", tensors)
    np.testing.assert_allclose(gained(base, path, module), 2 * product(tensors, module), rtol=1e-4, atol=1e-5)


def test_what_the_adapter_does_not_name_stays_as_it_was(base, tmp_path):
    changed = Checkpoint(base, adapter(tmp_path / "a", low_rank(base, QUERY)))
    plain = Checkpoint(base)
    for name in plain._sources:
        if name != f"{QUERY}.weight":
            np.testing.assert_array_equal(changed.tensor(name), plain.tensor(name))


def test_rank_stabilised_adapters_divide_by_the_root(base, tmp_path):
    tensors = low_rank(base, QUERY)
    path = adapter(tmp_path / "a", tensors, use_rslora=True)
    np.testing.assert_allclose(gained(base, path, QUERY), 4 * product(tensors, QUERY), rtol=1e-4, atol=1e-5)


def test_patterns_give_a_module_its_own_rank_and_alpha(base, tmp_path):
    tensors = {**low_rank(base, QUERY), **low_rank(base, VALUE, rank=2)}
    patterns = {"rank_pattern": {"v_proj": 2}, "alpha_pattern": {r"layers\.0\.encoder_attn\.v_proj": 12}}
    path = adapter(tmp_path / "a", tensors, **patterns)
    np.testing.assert_allclose(gained(base, path, QUERY), 2 * product(tensors, QUERY), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gained(base, path, VALUE), 6 * product(tensors, VALUE), rtol=1e-4, atol=1e-5)


def test_fan_in_fan_out_says_how_the_trainer_stored_its_base_and_changes_nothing(base, tmp_path):
    plain = adapter(tmp_path / "plain", low_rank(base, FC1))
    other = adapter(tmp_path / "other", low_rank(base, FC1), fan_in_fan_out=True)
    np.testing.assert_array_equal(gained(base, plain, FC1), gained(base, other, FC1))


def test_an_embedding_gains_the_transpose(base, tmp_path):
    rng = np.random.default_rng(3)
    rows, width = Checkpoint(base).shape(f"{EMBEDDING}.weight")
    a, b = rng.normal(size=(4, rows)).astype(np.float32), rng.normal(size=(width, 4)).astype(np.float32)
    path = adapter(tmp_path / "a", {f"{EMBEDDING}.lora_embedding_A": a, f"{EMBEDDING}.lora_embedding_B": b})
    np.testing.assert_allclose(gained(base, path, EMBEDDING), 2 * (b @ a).T, rtol=1e-4, atol=1e-4)


def test_modules_that_were_saved_whole_take_the_place_of_the_bases(base, tmp_path):
    whole = np.full(Checkpoint(base).shape(f"{HEAD}.weight"), 0.25, np.float32)
    bias = np.full(Checkpoint(base).shape(f"{PROJECTION}.bias"), 0.5, np.float32)
    tensors = {f"{HEAD}.weight": whole, f"{PROJECTION}.base_layer.bias": bias}
    changed = Checkpoint(base, adapter(tmp_path / "a", tensors, modules_to_save=["lm_heads.1"]))
    np.testing.assert_array_equal(changed.tensor(f"{HEAD}.weight"), whole)
    np.testing.assert_array_equal(changed.tensor(f"{PROJECTION}.bias"), bias)


def test_merged_logits_are_those_of_transformers_with_merged_weights(base, tmp_path):
    import torch

    modules = [QUERY, VALUE, FC1, HEAD, TEXT, PROJECTION]
    tensors = {name: value for module in modules for name, value in low_rank(base, module).items()}
    path = adapter(tmp_path / "a", tensors)
    model = oracle(base)
    with torch.no_grad():
        for module in modules:
            delta = torch.from_numpy(2 * product(tensors, module)).float()
            model.get_submodule(module).weight += delta
    ours, theirs, plain = logits(base, path), reference(model, base), logits(base, None)
    assert np.abs(ours - theirs).max() / np.abs(theirs).max() < 1e-5
    assert np.abs(plain - theirs).max() / np.abs(theirs).max() > 1e-2


TOKENS = np.random.default_rng(8).integers(0, 2048, (6, 4)).astype(np.int32)
PROMPT = "techno, 120 bpm"


def logits(base: Path, path: Path | None) -> np.ndarray:
    """[S, K, V] of the onnx backend."""
    backend = OnnxBackend.load(base, precision="fp32", rows=1, adapter=path)
    try:
        return steps(backend)
    finally:
        backend.close()


def steps(backend) -> np.ndarray:
    backend.open_row(0, backend.encode_text(PROMPT))
    made = [backend.step(TOKENS[n : n + 1], np.array([n], np.int32))[0] for n in range(len(TOKENS))]
    return np.stack(made)


def reference(model, base: Path) -> np.ndarray:
    """[S, K, V] of transformers."""
    import torch
    from transformers import AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(base)([PROMPT], return_tensors="pt")
    with torch.no_grad():
        made = model(**inputs, decoder_input_ids=torch.from_numpy(TOKENS.T.astype(np.int64))).logits
    return made.numpy().transpose(1, 0, 2)


def test_the_revision_changes_with_the_adapter_and_its_configuration(base, tmp_path):
    tensors = low_rank(base, QUERY)
    one, louder = adapter(tmp_path / "a", tensors), adapter(tmp_path / "b", tensors, lora_alpha=9)
    other = adapter(tmp_path / "c", low_rank(base, VALUE))
    assert len({sha256(base), sha256(base, one), sha256(base, louder), sha256(base, other)}) == 4
    assert Checkpoint(base, one).sha256() == sha256(base, one)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "LOHA"}, "LOHA"),
        ({"use_dora": True}, "use_dora"),
        ({"layer_replication": [[0, 1]]}, "layer_replication"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"r": 8}, r"has rank 4; adapter_config.json says 8"),
        ({"r": "four"}, "numbers above 0"),
        ({"lora_alpha": 0}, "numbers above 0"),
        ({"rank_pattern": {"(": 4}}, "no configuration"),
        ({"alpha_pattern": [1]}, "no configuration"),
    ],
)
def test_a_configuration_that_is_not_plain_lora_is_refused(base, tmp_path, config, said):
    with pytest.raises(CheckpointInvalid, match=said):
        Checkpoint(base, adapter(tmp_path / "a", low_rank(base, QUERY), **config))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (
            {"decoder.surprise.lora_A.weight": (4, 64), "decoder.surprise.lora_B.weight": (64, 4)},
            "decoder.surprise",
        ),
        ({f"{QUERY}.lora_A.weight": (4, 64)}, "one A and one B"),
        ({f"{QUERY}.lora_A.weight": (4, 64), f"{QUERY}.lora_B.weight": (64, 3)}, "do not multiply"),
        (
            {f"{QUERY}.lora_A.weight": (4, 60), f"{QUERY}.lora_B.weight": (64, 4)},
            r"\[64, 60\], not \[64, 64\]",
        ),
        ({f"{QUERY}.lora_A.weight": (4, 64, 1), f"{QUERY}.lora_B.weight": (64, 4, 1)}, "do not multiply"),
        ({f"{HEAD}.weight": (3, 3)}, r"\[3, 3\], not \[2048, 64\]"),
        ({f"{QUERY}.lora_magnitude_vector": (64,)}, "lora_magnitude_vector"),
    ],
)
def test_an_adapter_of_another_model_is_refused_by_name(base, tmp_path, tensors, said):
    zeros = {name: np.zeros(shape, np.float32) for name, shape in tensors.items()}
    with pytest.raises(CheckpointInvalid, match=said):
        Checkpoint(base, adapter(tmp_path / "a", zeros))


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_folder_that_is_no_adapter_says_what_it_lacks(base, tmp_path, missing):
    path = adapter(tmp_path / "a", low_rank(base, QUERY))
    (path / missing).unlink()
    with pytest.raises(CheckpointInvalid, match=missing):
        Checkpoint(base, path)


def adapted(models: Path, model_id: str, base_id: str, weights: Path = MUSCGEN_TINY, **more: str) -> Path:
    """A model's folder of a card and an adapter for `weights`."""
    folder = models / model_id
    tensors = low_rank(weights, FC1)
    adapter(folder / "lora", tensors)
    card = (MUSCGEN_TINY / "card.toml").read_text("utf-8")
    card = card.replace('"muscgen-tiny"', f'"{model_id}"').replace('"Apache-2.0"', '"CC-BY-4.0"')
    lines = {"base": base_id, "adapter": "lora", **more}
    card = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items() if value) + card
    (folder / "card.toml").write_text(card, "utf-8")
    return folder


def test_a_card_with_a_base_and_an_adapter_is_a_model_of_its_own(tmp_path):
    folder = adapted(tmp_path, "a-polka", "muscgen-tiny")
    registry = Registry(tmp_path)
    polka, tiny = registry.get("a-polka"), registry.get("muscgen-tiny")
    assert (polka.path, polka.adapter, polka.license) == (MUSCGEN_TINY, folder / "lora", "CC-BY-4.0")
    assert polka.revision == sha256(MUSCGEN_TINY, folder / "lora") != tiny.revision
    assert (tiny.adapter, tiny.license) == (None, "Apache-2.0")


def test_a_base_may_be_a_folder_without_a_card(tmp_path):
    weights = shutil.copytree(MUSCGEN_TINY, tmp_path / "weights")
    (weights / "card.toml").unlink()
    adapted(tmp_path, "a-polka", "../weights")
    assert Registry(tmp_path).get("a-polka").path.resolve() == weights


def test_a_base_may_come_later_in_the_alphabet(tmp_path):
    weights = shutil.copytree(MUSCGEN_TINY, tmp_path / "zither")
    card = (weights / "card.toml").read_text("utf-8")
    (weights / "card.toml").write_text(card.replace('"muscgen-tiny"', '"zither"'), "utf-8")
    adapted(tmp_path, "a-polka", "zither")
    assert Registry(tmp_path).get("a-polka").path == weights


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"base_id": "nobody"}, r"base 'nobody' is no folder and no model; known are muscgen-tiny"),
        ({"base_id": ""}, r"missing or unknown: base"),
        ({"adapter": ""}, r"missing or unknown: adapter"),
        ({"adapter": "elsewhere"}, r"elsewhere is no LoRA adapter"),
        ({"base_id": "b-polka"}, r"base 'b-polka' is no folder"),
    ],
)
def test_a_card_whose_base_or_adapter_is_not_there_says_so(tmp_path, more, said):
    adapted(tmp_path, "b-polka", "muscgen-tiny")
    adapted(tmp_path, "a-polka", **{"base_id": "muscgen-tiny", **more})
    with pytest.raises(CheckpointInvalid, match=said):
        Registry(tmp_path)


def test_a_worker_serves_an_adapted_model_beside_its_base(base, tmp_path):
    from muscgen.settings import Settings
    from muscgen.worker.loader import load_model

    shutil.copytree(base, tmp_path / "models" / "base")
    adapted(tmp_path / "models", "a-polka", "base", weights=base)
    models = Registry(tmp_path / "models")
    settings = Settings(home=tmp_path, slots=1)
    served = {name: load_model(models.get(name), settings, slots=1) for name in ("base", "a-polka")}
    try:
        plain, polka = (steps(served[name].backend) for name in ("base", "a-polka"))
        theirs = logits(base, models.get("a-polka").adapter)
        assert np.abs(polka - theirs).max() / np.abs(theirs).max() < 1e-3
        assert np.abs(polka - plain).max() / np.abs(theirs).max() > 1e-2
    finally:
        for model in served.values():
            model.close()


@pytest.mark.filterwarnings("ignore")  # peft's and transformers' own
def test_peft_itself_merges_the_same(base, tmp_path):
    """Runs where peft is installed; the other tests compute the merge by hand."""
    peft = pytest.importorskip("peft")
    import torch

    targets = ["q_proj", "fc1", "lm_heads.1", "embed_tokens.2"]
    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=targets, modules_to_save=["enc_to_dec_proj"],
        rank_pattern={"fc1": 2}, alpha_pattern={"layers.1.fc1": 3}, init_lora_weights=False,
    )  # fmt: skip
    model = peft.get_peft_model(oracle(base), config)
    with torch.no_grad():
        model.base_model.model.enc_to_dec_proj.modules_to_save["default"].weight.mul_(1.5)
    model.save_pretrained(tmp_path / "peft")
    merged = model.merge_and_unload().state_dict()
    ours = Checkpoint(base, tmp_path / "peft")
    changed = 0
    for name in (name for name in ours._sources if name in merged):
        theirs = merged[name].numpy()
        np.testing.assert_allclose(ours.tensor(name), theirs, rtol=1e-5, atol=1e-6)
        changed += not np.array_equal(theirs, Checkpoint(base).tensor(name))
    assert changed > 8
    assert any(
        "lora_embedding_A" in name for name in load_file(tmp_path / "peft" / "adapter_model.safetensors")
    )
