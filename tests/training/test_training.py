"""Training on a prepared set: what is learnt, what is left, and what a death costs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from muscgen.backends.onnx import OnnxBackend
from muscgen.data.place import Place
from muscgen.engine import Engine, Song
from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.models.card import read_card
from muscgen.request import Sampling
from muscgen.training.batches import exchanged
from muscgen.training.clips import prepared
from muscgen.training.config import Optimiser, Saving
from muscgen.training.loop import plan, train
from muscgen.training.model import quiet
from training.sets import NO_WORDS_LOST, card, config
from training.sets import prepared as prepared_set

pytestmark = pytest.mark.timeout(300)
GREEDY = Sampling(temperature=1.0, top_k=1, top_p=0.0, guidance_scale=1.0)


def run(wanted, base):
    return train(plan(wanted, card(base)), lambda _: None)


def lines(out: Path) -> list[dict]:
    """The log without what differs from machine to machine."""
    found = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "took_s"} for line in found]


def clips(data: Path, base: Path):
    from muscgen.backends.listening import codec_revision
    from muscgen.models.checkpoint import Checkpoint

    [found] = prepared([data], codec_revision(Checkpoint(base)))
    return found.clips


def sung(folder: Path, prompts, frames: int) -> list[np.ndarray]:
    """Greedy codes of a model's card, through the engine that serves."""
    model = read_card(folder)
    backend = OnnxBackend.load(model.path, precision="fp32", rows=2, threads=1, adapter=model.adapter)
    engine = Engine(backend, slots=1)
    try:
        songs = [Song(prompt, None, frames / 50, 1, GREEDY) for prompt in prompts]
        return [np.asarray(engine.submit(song).result(60).codes) for song in songs]
    finally:
        engine.close()
        backend.close()


def test_eight_clips_are_learnt_by_heart_and_sung_again(tmp_path, base, data):
    wanted = config(
        data, tmp_path / "heart", base,
        method="full", steps=260, words=NO_WORDS_LOST,
        optimiser=Optimiser(batch=7, learning_rate=6e-3, warmup_steps=10, weight_decay=0.0),
        saving=Saving(every_steps=1_000, sample_s=0, valid_batches=0),
    )  # fmt: skip
    figures = run(wanted, base)
    assert figures["loss"] < 0.1
    known = clips(data, base)["train"]
    found = sung(tmp_path / "heart", [clip.caption for clip in known], 50)
    right = [float((codes == clip.codes()).mean()) for codes, clip in zip(found, known, strict=True)]
    assert np.mean(right) > 0.95, right


def test_an_adapter_changes_the_songs_and_can_be_left_out(tmp_path, base, data):
    before = sung(base, ["harp"], 20)
    wanted = config(
        data, tmp_path / "adapted", base, steps=25, optimiser=Optimiser(batch=4, learning_rate=1e-2)
    )
    run(wanted, base)
    adapted = read_card(tmp_path / "adapted")
    assert adapted.adapter == tmp_path / "adapted" / "lora"
    assert not np.array_equal(sung(tmp_path / "adapted", ["harp"], 20), before)
    # the adapter stands beside the base, whose own songs are what they were
    assert np.array_equal(sung(base, ["harp"], 20), before)
    with pytest.raises(InvalidRequest, match="adapter beside another model's weights"):
        plan(config(data, tmp_path / "more", tmp_path / "adapted"), adapted)
    from peft import PeftModel
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        plain = MusicgenForConditionalGeneration.from_pretrained(base, dtype=torch.float32).eval()
    inputs = {
        "input_ids": torch.tensor([[5, 9, 1]]),
        "attention_mask": torch.ones(1, 3, dtype=torch.long),
        "decoder_input_ids": torch.full((4, 2), 2048),
    }
    with quiet(), torch.no_grad():
        without = plain(**inputs).logits
        model = PeftModel.from_pretrained(plain, tmp_path / "adapted" / "lora").eval()
        with_it = model(**inputs).logits
        with model.disable_adapter():
            switched_off = model(**inputs).logits
    assert not torch.allclose(with_it, without, atol=1e-2)
    assert torch.equal(switched_off, without)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_in_two_parts_is_the_run_in_one(tmp_path, base, data, method):
    whole = config(data, tmp_path / "whole", base, method=method, steps=6)
    run(whole, base)
    parts = config(data, tmp_path / "parts", base, method=method, steps=6)
    run(parts.model_copy(update={"steps": 4}), base)
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000004")
    run(parts, base)  # from step 2
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


def weights(out: Path) -> bytes:
    adapter = out / "lora" / "adapter_model.safetensors"
    return (adapter if adapter.is_file() else out / "model.safetensors").read_bytes()


KILLED = """
import os, signal, sys, torch
torch.set_num_threads(1)
from pathlib import Path
from training.sets import card, config
from muscgen.training.loop import plan, train
from muscgen.training.model import quiet
base, data, out = map(Path, sys.argv[1:])
def tell(line):
    if line.get("step") == 5:
        os.kill(os.getpid(), signal.SIGKILL)
train(plan(config(data, out, base, steps=8, method="full"), card(base)), tell)
"""


def test_a_run_that_is_killed_goes_on_to_the_same_losses(tmp_path, base, data):
    whole = tmp_path / "whole"
    run(config(data, whole, base, steps=8, method="full"), base)
    out = tmp_path / "killed"
    words = [sys.executable, "-c", KILLED, str(base), str(data), str(out)]
    path = {"PYTHONPATH": ":".join([*sys.path])}
    killed = subprocess.run(words, env=path, capture_output=True, check=False, timeout=250)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(done(out)) == 5  # a step after the last checkpoint
    assert not (out / "card.toml").exists()  # not a model yet
    run(config(data, out, base, steps=8, method="full"), base)
    assert lines(out) == lines(whole)
    assert weights(out) == weights(whole)


def done(out: Path) -> list[str]:
    return (out / "log.jsonl").read_text().splitlines() if (out / "log.jsonl").is_file() else []


def test_what_is_made_says_what_it_was_made_of(tmp_path, base, data):
    out = tmp_path / "made"
    run(config(data, out, base, saving=Saving(every_steps=4, sample_s=0.4, valid_batches=1)), base)
    made = read_card(out)
    manifest = prepared_manifest(data)
    assert made.license == "Apache-2.0 AND CC-BY-4.0"
    assert made.stated.policy == "allow-with-attribution"
    assert made.stated.permitted_uses == ("research", "noncommercial", "commercial")
    assert made.stated.manifests == (manifest,)
    assert "7 tracks" in made.stated.training_data or "8 tracks" in made.stated.training_data
    assert "Artist 3" in (out / "ATTRIBUTION.md").read_text()
    assert manifest in (out / "MODEL.md").read_text()
    told = map(json.loads, (data / "models.jsonl").read_text().splitlines())  # of other tests' models too
    [line] = [line for line in told if line["path"] == str(out)]
    assert (line["model"], line["manifest"], line["path"]) == ("ours/made", manifest, str(out))
    samples = [
        json.loads(line)
        for line in (out / "samples" / "step-00000004" / "samples.jsonl").read_text().splitlines()
    ]
    assert len(samples) == 1
    assert {"prompt", "bad", "lufs", "silence", "file"} == set(samples[0])
    assert (out / "loss.svg").read_text().startswith("<svg")
    assert {"valid", "bad_samples"} <= set(lines(out)[-1])
    assert "Samples of every save" in (out / "MODEL.md").read_text()


def prepared_manifest(data: Path) -> str:
    from muscgen.data.manifest import read

    return read(data).sha256


def test_a_whole_model_is_read_by_transformers(tmp_path, base, data):
    run(config(data, tmp_path / "whole", base, method="full", steps=2), base)
    from transformers import AutoProcessor, AutoTokenizer, MusicgenForConditionalGeneration

    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(tmp_path / "whole", dtype=torch.float32)
        words = AutoTokenizer.from_pretrained(tmp_path / "whole")(["harp"], return_tensors="pt")
        if (base / "preprocessor_config.json").is_file():
            assert AutoProcessor.from_pretrained(tmp_path / "whole").feature_extractor.sampling_rate == 32_000
        assert model.generate(**words, max_new_tokens=8).shape[0] == 1


def test_a_model_made_of_a_model_names_what_both_learnt_from(tmp_path, base, data):
    first, second, more = tmp_path / "first", tmp_path / "second", tmp_path / "more"
    run(config(data, first, base, method="full", steps=1), base)
    other = prepared_set(more, base, clips=2)
    run(config(other, second, first, method="full", steps=1), first)
    made = read_card(second)
    assert made.stated.manifests == (prepared_manifest(data), prepared_manifest(other))
    assert made.attribution.count("ATTRIBUTION.md") == 1
    table = (second / "ATTRIBUTION.md").read_text()
    assert "Artist 3" in table  # only the first had it
    for name in ("tokenizer_config.json", "preprocessor_config.json"):
        assert (second / name).is_file() == (base / name).is_file()


def test_a_track_that_is_taken_back_names_models_made_of_a_model_that_had_it(tmp_path, base, data):
    from muscgen.data.report import entries
    from muscgen.data.revoking import revoke

    others = shutil.ignore_patterns("models.jsonl")  # what other tests made of it
    mine = shutil.copytree(data, tmp_path / "data", ignore=others)
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    run(config(mine, first, base, method="full", steps=1), base)
    other = prepared_set(tmp_path / "more", base, clips=2)
    run(config(other, second, first, method="full", steps=1), first)
    run(config(other, third, second, steps=1), second)
    found = revoke(Place(mine), track=next(iter(entries(Place(mine)))).id, by="Ada")
    assert [Path(model.path).name for model in found.models] == ["first", "second", "third"]
    assert {model.manifest for model in found.models} == {read_card(first).stated.manifests[0]}
    again = revoke(Place(other), track=next(iter(entries(Place(other)))).id, by="Ada")
    assert [Path(model.path).name for model in again.models] == ["second", "third"]
    cards = [read_card(second)]  # of the installation; the base's folder is gone
    shutil.rmtree(first)
    found = revoke(Place(mine), track=next(iter(entries(Place(mine)))).id, by="Ada", cards=cards)
    assert [model.model for model in found.models] == ["ours/first", "ours/second"]


def test_training_needs_codes_of_the_bases_codec(tmp_path, base, data):
    from tiny import random_checkpoint

    other = random_checkpoint(tmp_path / "other", seed=12)
    with pytest.raises(
        ConfigurationError, match="codes of tiny-base's codec; the base has another"
    ) as refusal:
        run(config(data, tmp_path / "out", other), other)
    assert "--codec BASE" in refusal.value.suggestion


def test_a_checkpoint_of_another_configuration_is_not_gone_on_with(tmp_path, base, data):
    run(config(data, tmp_path / "out", base, steps=2), base)
    with pytest.raises(ConfigurationError, match="another configuration"):
        run(config(data, tmp_path / "out", base, steps=2, seed=5), base)


def test_a_checkpoint_over_another_base_is_not_gone_on_with(tmp_path, base, data):
    """One of the same codec, whose codes fit."""
    other = shutil.copytree(base, tmp_path / "other")
    rewrite(other / "model.safetensors", "enc_to_dec_proj.bias", 1.0)
    out = tmp_path / "out"
    run(config(data, out, base, steps=2), base)
    wanted = config(data, out, base, steps=2)
    with pytest.raises(ConfigurationError, match="another base"):
        run(wanted, other)
    state = out / "checkpoints" / "step-00000002" / "state.json"
    old = json.loads(state.read_text())
    state.write_text(json.dumps({name: old[name] for name in ("steps", "config", "manifests")}))
    assert run(wanted, other)["step"] == 2  # states of old said nothing of it


def rewrite(path: Path, name: str, more: float) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    save_file(weights | {name: weights[name] + more}, path, {"format": "pt"})


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_base_is_not_written_over(tmp_path, base, data, method):
    link = tmp_path / "link"
    link.symlink_to(base)
    for out in (base, base / ".." / base.name, link):
        with pytest.raises(InvalidRequest, match="own folder") as refusal:
            plan(config(data, out, base, method=method, id="ours/one"), card(base))
        assert refusal.value.param == "out"


def test_a_step_whose_numbers_are_none_ends_the_run_and_harms_no_checkpoint(tmp_path, base, data):
    out = tmp_path / "out"
    wanted = config(
        data, out, base, method="full", steps=9,
        optimiser=Optimiser(batch=2, learning_rate=1e30, warmup_steps=0),
        saving=Saving(every_steps=1, keep=1, sample_s=0, valid_batches=0),
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"step 2 has loss (nan|inf).* step 1$") as refusal:
        run(wanted, base)
    assert "steps 1 makes a model" in refusal.value.suggestion
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-00000001"]
    assert [line["step"] for line in lines(out)] == [1]
    assert not (out / "card.toml").exists()


@pytest.mark.parametrize("batch", [1, 2])
def test_validation_is_also_under_captions_of_others(tmp_path, base, data, batch):
    saving = Saving(every_steps=9, sample_s=0, valid_batches=3)
    wanted = config(data, tmp_path / "out", base, steps=1, saving=saving, optimiser=Optimiser(batch=batch))
    planned = plan(wanted, card(base))
    assert "valid_shuffled" not in train(planned, lambda _: None)  # there is one caption
    more = [replace(one, clips=one.clips | {"valid": one.clips["train"]}) for one in planned.data]
    there = config(data, tmp_path / "more", base, steps=1, saving=saving, optimiser=Optimiser(batch=batch))
    figures = train(replace(planned, config=there, data=more), lambda _: None)
    assert figures["valid_shuffled"] != figures["valid"]


def test_captions_are_exchanged_for_others():
    assert exchanged(("a", "b", "c"), ("d",)) == ("b", "c", "a")
    assert exchanged(("a", "a"), ("a", "b", "c")) == ("b", "b")
    assert exchanged(("a",), ("a", "b")) == ("b",)


def test_a_set_that_was_revoked_is_not_trained_on(tmp_path, base, data):
    from muscgen.data.report import entries
    from muscgen.data.revoking import revoke

    copy = shutil.copytree(data, tmp_path / "data")
    place = Place(copy)
    revoke(place, track=next(iter(entries(place))).id, by="Ada")
    with pytest.raises(ConfigurationError, match="taken back since"):
        plan(config(copy, tmp_path / "out", base), card(base))


def test_a_melody_model_is_refused_by_name(tmp_path, data):
    from tiny import random_checkpoint

    from muscgen.training.model import load

    melody = random_checkpoint(tmp_path / "melody", seed=3, melody=True)
    with pytest.raises(InvalidRequest, match="is a melody model, which cannot be trained here"):
        load(melody, config(data, tmp_path / "out", melody))
