"""Cards and the registry."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from tiny import MUSCGEN_TINY

from muscgen.errors import CheckpointInvalid, ModelNotFound
from muscgen.models.card import read_card
from muscgen.models.registry import Registry


def put(models: Path, model_id: str, change: tuple[str, str] = ("", "")) -> Path:
    """A second model: muscgen-tiny under another name."""
    folder = shutil.copytree(MUSCGEN_TINY, models / model_id.replace("/", "--"))
    card = (folder / "card.toml").read_text("utf-8").replace('"muscgen-tiny"', f'"{model_id}"')
    (folder / "card.toml").write_text(card.replace(*change), "utf-8")
    return folder


def test_the_builtin_model_is_there_without_any_folder(tmp_path):
    [card] = Registry(tmp_path / "nowhere").list()
    assert (card.id, card.license, card.sample_rate_hz, card.channels) == (
        "muscgen-tiny",
        "Apache-2.0",
        32_000,
        1,
    )
    assert card.max_duration_s == 30
    assert card.sampling.model_dump() == {"temperature": 1.0, "top_k": 250, "top_p": 0, "guidance_scale": 2.0}


def test_folders_with_a_card_are_models_and_others_are_not(tmp_path):
    put(tmp_path, "ours/second")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file.txt").write_text("no model", "utf-8")
    registry = Registry(tmp_path)
    assert [card.id for card in registry.list()] == ["muscgen-tiny", "ours/second"]
    assert registry.get("ours/second").path == tmp_path / "ours--second"


def test_a_model_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    with pytest.raises(ModelNotFound, match="'other'") as refusal:
        Registry(tmp_path).get("other")
    assert "muscgen-tiny" in (refusal.value.suggestion or "")


def test_two_models_cannot_have_one_name(tmp_path):
    put(tmp_path, "muscgen-tiny")
    with pytest.raises(CheckpointInvalid, match="both call themselves 'muscgen-tiny'"):
        Registry(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('license = "Apache-2.0"', ""), "license"),
        (("max_duration_s = 30", "max_duration_s = 30\nlyrics = true"), "lyrics"),
        (("temperature = 1.0", "temperature = -1"), "temperature"),
        (("max_duration_s = 30", 'max_duration_s = "long"'), "long"),
        (("[sampling]", "[sampling"), r"card\.toml"),
    ],
)
def test_a_card_that_cannot_be_read_says_why(tmp_path, change, said):
    with pytest.raises(CheckpointInvalid, match=said):
        read_card(put(tmp_path, "broken", change))


def test_weights_that_cannot_be_read_are_named_with_their_folder(tmp_path):
    put(tmp_path, "ours/whole")
    cut = put(tmp_path, "ours/cut")
    (cut / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointInvalid, match=rf"{cut}: model\.safetensors is no safetensors file"):
        Registry(tmp_path)


def test_the_public_card_tells_everything_but_the_path():
    public = read_card(MUSCGEN_TINY).to_public()
    assert len(public["revision"]) == 64
    assert public["modes"] == ["text", "unconditional", "continuation"]
    assert not any(str(MUSCGEN_TINY) in str(value) for value in public.values())


def test_the_card_of_the_documents_is_one(tmp_path):
    folder = put(tmp_path, "lofi")
    document = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    (folder / "card.toml").write_text(document.split("```toml\n")[1].split("```")[0], "utf-8")
    assert Registry(tmp_path).get("ours/lofi-small").license == "CC-BY-NC-4.0"


def test_cards_are_read_without_torch_and_onnxruntime():
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from muscgen.models.registry import Registry\nRegistry(Path('x'))\n"
        "assert not {'torch', 'onnxruntime', 'onnx', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_mode_that_the_weights_cannot_have_is_refused(tmp_path):
    folder = put(tmp_path, "singer", ('modes = ["text"', 'modes = ["melody", "text"'))
    with pytest.raises(CheckpointInvalid, match="modes has melody, and the checkpoint is no melody model"):
        read_card(folder)


def test_a_checkpoint_that_cannot_hear_continues_nothing(tmp_path):
    folder = put(tmp_path, "deaf")
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("audio_encoder.encoder.")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointInvalid, match="modes has continuation, and the checkpoint has no audio"):
        read_card(folder)


def test_models_that_come_go_or_change_are_seen_when_looked_for(tmp_path):
    registry = Registry(tmp_path)
    assert not registry.refresh()
    folder = put(tmp_path, "ours/second")
    assert registry.refresh()
    revision = registry.get("ours/second").revision
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, folder / "model.safetensors")
    assert registry.refresh()
    assert registry.get("ours/second").revision != revision
    shutil.rmtree(folder)
    assert registry.refresh()
    assert [card.id for card in registry.list()] == ["muscgen-tiny"]
    assert not registry.refresh()


def test_a_folder_that_cannot_be_read_when_looked_for_hides_no_other(tmp_path):
    registry = Registry(tmp_path)
    put(tmp_path, "ours/second")
    put(tmp_path, "broken", ("[sampling]", "[sampling"))
    put(tmp_path, "short", ("max_duration_s = 30", ""))
    assert registry.refresh()
    assert [card.id for card in registry.list()] == ["muscgen-tiny", "ours/second"]


def test_whoever_wants_may_have_the_others_and_is_told_of_the_one_that_cannot_be_read(tmp_path):
    put(tmp_path, "second")
    broken = put(tmp_path, "third")
    (broken / "model.safetensors").write_bytes(b"no weights")
    registry = Registry(tmp_path, strict=False)
    assert [card.id for card in registry.list()] == ["muscgen-tiny", "second"]
    assert list(registry.unreadable) == [broken]
    with pytest.raises(CheckpointInvalid, match="third"):
        registry.get("third")


def test_a_registry_may_be_of_some_models_only(tmp_path):
    put(tmp_path, "ours/second")
    assert [card.id for card in Registry(tmp_path, only=("ours/second",)).list()] == ["ours/second"]
