"""Judges of other people's making, with weights at random: transformers says what they are."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from data.tunes import tune, write
from tiny import MUSCGEN_TINY
from typer.testing import CliRunner

from muscgen.audio import Audio
from muscgen.cli.app import app
from muscgen.errors import ConfigurationError
from muscgen.evaluation import pretrained, vggish
from muscgen.training.model import quiet


def sound(seed=0, seconds=3.0):
    return Audio(np.ascontiguousarray(tune(seed, seconds).T), 22_050)


@pytest.fixture(scope="module")
def clap(tmp_path_factory):
    from transformers import ClapAudioConfig, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig

    folder = tmp_path_factory.mktemp("clap")
    text = ClapTextConfig(
        vocab_size=2_048, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64, projection_dim=8,
    )  # fmt: skip
    audio = ClapAudioConfig(
        depths=[1, 1], num_attention_heads=[1, 2], patch_embeds_hidden_size=8, hidden_size=16,
        num_hidden_layers=2, spec_size=256, num_mel_bins=64, window_size=4, projection_dim=8,
    )  # fmt: skip
    torch.manual_seed(0)
    with quiet():
        config = ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=8)
        ClapModel(config).save_pretrained(folder)
        ClapFeatureExtractor(feature_size=64, truncation="rand_trunc", padding="repeatpad").save_pretrained(
            folder
        )
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(MUSCGEN_TINY / name, folder / name)
    return folder


def test_claps_vectors_and_score_are_those_of_transformers(clap):
    from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

    judge = pretrained.clap(clap)
    with quiet(), torch.inference_mode():
        model = ClapModel.from_pretrained(clap).eval()
        words = AutoTokenizer.from_pretrained(clap)(["lofi"], return_tensors="pt")
        text = model.get_text_features(**words).pooler_output[0].numpy()
        samples = pretrained.fitted(sound(), 48_000, 1)[0]
        inputs = ClapFeatureExtractor.from_pretrained(clap)(
            samples, sampling_rate=48_000, return_tensors="pt"
        )
        heard = model.get_audio_features(**inputs).pooler_output[0].numpy()
    assert judge.heard(sound()).shape == (1, 8)
    wanted = float(text @ heard / np.linalg.norm(text) / np.linalg.norm(heard))
    assert judge.score(sound(), "lofi") == pytest.approx(wanted, abs=1e-4)
    assert pretrained.embedding("clap", clap)(sound(1)).shape == (1, 8)


@pytest.fixture(scope="module")
def mert(tmp_path_factory):
    """Hubert by another name, as MERT comes."""
    from transformers import HubertConfig, HubertModel

    folder = tmp_path_factory.mktemp("mert")
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_stride=(20, 16), conv_kernel=(20, 16), num_feat_extract_layers=2, num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    with quiet():
        HubertModel(config).save_pretrained(folder)
    fields = json.loads((folder / "config.json").read_text())
    fields |= {"model_type": "mert_model", "auto_map": {"AutoModel": "code.Never"}}
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


def test_mert_gives_a_vector_a_second_and_its_code_is_not_run(mert):
    hear = pretrained.mert(mert)
    assert hear(sound(seconds=3.0)).shape == (3, 16)
    assert np.isfinite(hear(sound())).all()
    assert not np.allclose(hear(sound(1)), hear(sound(2)))


def test_a_mert_with_another_front_is_refused(mert, tmp_path):
    shutil.copytree(mert, tmp_path / "other")
    fields = json.loads((mert / "config.json").read_text()) | {"feature_extractor_cqt": True}
    (tmp_path / "other" / "config.json").write_text(json.dumps(fields))
    with pytest.raises(ConfigurationError, match="constant-Q"):
        pretrained.mert(tmp_path / "other")


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    folder = tmp_path_factory.mktemp("labels")
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=5,
        max_length=128, num_mel_bins=32,
    )  # fmt: skip
    with quiet():
        ASTForAudioClassification(config).save_pretrained(folder)
        ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
    return folder


def test_labels_are_shares_of_one(labels):
    found = pretrained.classifier(labels).labels(sound())
    assert found.shape == (5,)
    assert found.sum() == pytest.approx(1)


def without(folder, *names):
    """A copy of a checkpoint that lacks tensors."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    assert set(names) <= set(tensors)
    kept = {name: value for name, value in tensors.items() if name not in names}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_model_that_never_learnt_labels_is_no_classifier(labels, tmp_path):
    from transformers import AutoModelForAudioClassification

    shutil.copytree(labels, tmp_path / "body")
    with quiet():
        whole = AutoModelForAudioClassification.from_pretrained(labels)
        whole.base_model.save_pretrained(tmp_path / "body")
    with pytest.raises(ConfigurationError, match=r"lack classifier\.dense\.bias.* and 1 others") as caught:
        pretrained.classifier(tmp_path / "body")
    assert caught.value.param == "classifier"


def test_weights_that_lack_something_are_refused_and_not_drawn_at_random(clap, mert, tmp_path):
    half = without(shutil.copytree(clap, tmp_path / "clap"), "audio_projection.linear1.weight")
    with pytest.raises(ConfigurationError, match=r"lack audio_projection.linear1.weight"):
        pretrained.clap(half)
    half = without(shutil.copytree(mert, tmp_path / "mert"), "encoder.layer_norm.weight")
    with pytest.raises(ConfigurationError, match=r"lack encoder.layer_norm.weight"):
        pretrained.mert(half)


def test_what_only_training_needs_may_be_missing(mert, tmp_path):
    light = without(shutil.copytree(mert, tmp_path / "light"), "masked_spec_embed")
    assert np.array_equal(pretrained.mert(light)(sound()), pretrained.mert(mert)(sound()))


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "config.json"])
def test_files_that_are_damaged_are_refused_in_words(labels, tmp_path, name):
    folder = shutil.copytree(labels, tmp_path / "damaged")
    if name != "config.json":
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"{nothing of it at all")
    with pytest.raises(ConfigurationError, match=r"cannot be loaded|is no JSON"):
        pretrained.classifier(folder)


def test_damaged_weights_of_vggish_are_refused_in_words(tmp_path):
    (tmp_path / "vggish.pth").write_bytes(b"nothing of it at all")
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        pretrained.embedding("vggish", tmp_path)


def test_an_evaluation_says_by_whose_weights_it_is(labels, mert, tmp_path):
    for seed in range(2):
        write(tmp_path / "sounds" / f"{seed}.wav", seed, 1.1)
    words = ["--generated", tmp_path / "sounds", "--reference", tmp_path / "sounds", "--json"]
    words += ["--classifier", labels, "--embedding", f"mert={mert}"]
    words += ["--out", tmp_path / "out", "--home", tmp_path / "home"]
    done = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    assert done.exit_code == 0, done.stderr
    setting = json.loads(done.stdout)["setting"]
    assert setting["weights_classifier"] == pretrained.revision(labels)
    assert setting["weights_mert"] == pretrained.revision(mert)


def test_other_weights_are_another_revision_and_a_note_beside_them_is_not(labels, tmp_path):
    folder = shutil.copytree(labels, tmp_path / "labels")
    (folder / "README.md").write_text("mine")
    assert pretrained.revision(folder) == pretrained.revision(labels)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert pretrained.revision(folder) != pretrained.revision(labels)


@pytest.mark.parametrize("kind", ["clap", "mert", "vggish"])
def test_weights_that_are_not_there_are_asked_for_by_name(tmp_path, kind):
    with pytest.raises(
        ConfigurationError, match=f"holds no weights of {kind}.*nothing is downloaded"
    ) as caught:
        pretrained.embedding(kind, tmp_path)
    assert caught.value.param == kind


def test_other_weights_are_refused(clap):
    with pytest.raises(ConfigurationError, match="is a clap model, not mert"):
        pretrained.mert(clap)
    with pytest.raises(ConfigurationError, match="no weights of VGGish"):
        vggish.network({"features.0.weight": torch.zeros(64, 1, 3, 3)})


def test_vggish_hears_a_tone_in_its_band():
    time = np.arange(32_000) / 16_000
    tone = Audio(np.sin(2 * np.pi * 1_000 * time)[None].astype(np.float32), 16_000)
    found = vggish.examples(tone)
    assert found.shape == (2, 96, 64)
    # HTK's mel: band n of 64 between 125 and 7500 Hz
    mel = 1127 * np.log(1 + np.array([125, 7_500, 1_000]) / 700)
    assert abs(found.mean((0, 1)).argmax() - ((mel[2] - mel[0]) / (mel[1] - mel[0]) * 65 - 1)) <= 1
