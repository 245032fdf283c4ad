"""How a language model learns: stages of windows, words, averages, and a loss that takes little memory."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from muscgen.errors import CheckpointInvalid, ConfigurationError, InvalidRequest
from muscgen.models.card import read_card
from muscgen.models.config import read_config
from muscgen.training import memory, speaker
from muscgen.training.ahead import Ahead
from muscgen.training.batches import IGNORED, Batches, Shape
from muscgen.training.clips import prepared
from muscgen.training.config import Config, Optimiser, Stage, Words, read
from muscgen.training.loop import plan
from muscgen.training.model import load, tokenizer
from muscgen.training.speaker import Lesson, Speaker
from muscgen.training.texts import Texts
from muscgen.training.turns import schedule
from training.sets import NO_WORDS_LOST, card, config
from training.test_settings import USUAL, clip
from training.test_training import lines, run, weights

pytestmark = pytest.mark.timeout(300)
STAGES = (
    {"share": 1, "window_s": 0.4, "batch": 3, "openings": 1.0},
    {"share": 1, "window_s": 1.0, "batch": 2},
)


def full(data, out, base, **more):
    return config(data, out, base, **{"method": "full"} | more)


def lesson(base):
    """Three windows: one of them without words, one of them shorter."""
    labels = torch.randint(0, 2048, (3, 20, 4), generator=torch.Generator().manual_seed(3))
    labels[:, :3, 1:] = 2048
    labels[2, 12:] = IGNORED
    ids, mask = Texts(tokenizer(base), 128)(["a harp", "", "techno with a very long caption"])
    return Lesson(ids, mask, torch.tensor([True, False, True]), labels)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("most", [0, 2**27])
def test_the_loss_is_that_of_transformers_and_so_are_its_gradients(
    tmp_path, base, data, monkeypatch, method, most
):
    monkeypatch.setattr(speaker, "MOST_LOGITS", most)
    wanted = config(data, tmp_path / "out", base, method=method, learn_text=method == "full")
    model, given = load(base, wanted).eval(), lesson(base)
    moving = [weight for weight in model.parameters() if weight.requires_grad]
    loss = Speaker(model)(given)
    ours = torch.autograd.grad(loss, moving, allow_unused=True)
    theirs_loss = model(
        input_ids=given.ids,
        attention_mask=given.mask.long() * given.spoken[:, None],
        labels=given.labels,
    ).loss
    theirs = torch.autograd.grad(theirs_loss, moving, allow_unused=True)
    assert loss.item() == pytest.approx(theirs_loss.item(), rel=1e-6)
    assert sum(gradient is not None for gradient in ours) > 20
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_what_is_heard_of_the_steps_before_may_be_other_than_what_is_learnt(tmp_path, base, data):
    """As transformers has it, which is fed what was heard."""
    model, given = load(base, full(data, tmp_path / "out", base)).eval(), lesson(base)
    heard = torch.randint(0, 2048, given.labels.shape, generator=torch.Generator().manual_seed(4))
    fed = torch.cat([torch.full_like(heard[:, :1], 2048), heard[:, :-1]], 1)
    said = model(
        input_ids=given.ids,
        attention_mask=given.mask.long() * given.spoken[:, None],
        decoder_input_ids=fed.transpose(1, 2).flatten(0, 1),
    ).logits.unflatten(0, (3, 4))
    labels = given.labels.masked_fill(given.labels == 2048, IGNORED)
    losses = [
        torch.nn.functional.cross_entropy(said[:, book].flatten(0, 1), labels[..., book].flatten())
        for book in range(4)
    ]
    there = replace(given, fed=heard).to(torch.device("cpu"))
    assert Speaker(model)(there).item() == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)
    assert Speaker(model)(there).item() != pytest.approx(Speaker(model)(given).item(), rel=1e-3)


def test_what_is_trained_keeps_no_weights_of_attention(tmp_path, base, data):
    model = load(base, full(data, tmp_path / "out", base))
    assert model.decoder.config._attn_implementation == "sdpa"


def test_captions_are_read_as_the_tokenizer_reads_them(base):
    words = tokenizer(base)
    texts = ["a harp", "", "techno with a very long caption", "a harp"]
    ids, mask = Texts(words, 128)(texts)
    theirs = words(texts, return_tensors="pt", padding=True)
    assert torch.equal(ids, theirs.input_ids)
    assert torch.equal(mask.long(), theirs.attention_mask)
    assert Texts(words, 3)(texts)[0].shape == (4, 3)


def test_steps_are_shared_among_stages():
    wanted = read(None, **USUAL, steps=10, stages=(STAGES[0] | {"share": 0.3}, STAGES[1] | {"share": 0.7}))
    assert [wanted.stage(step).batch for step in range(10)] == [3] * 3 + [2] * 7
    plain = read(None, **USUAL)
    assert (plain.stage(999).window_s, plain.stage(0).batch, plain.stage(0).openings) == (10.0, 4, 0.0)
    assert wanted.digest != plain.digest


def test_windows_that_open_begin_where_the_song_begins(tmp_path):
    one, codes = clip(tmp_path)
    shape = Shape(6, (0, 1, 2, 3), 2048)

    def begin(openings):
        batch = Batches([one], shape, Words(), seed=3, size=200, openings=openings).at(0, 0)
        return float(np.mean(batch.labels[:, 0, 0] == codes[0, 0]))

    assert begin(1.0) == 1.0
    assert begin(0.5) == pytest.approx(0.52, abs=0.1)
    assert begin(0.0) < 0.2


def test_a_stage_has_windows_of_its_own(tmp_path, base, data):
    """Learnt by stages as by the one that is given alone, for as long as it lasts."""
    both = full(data, tmp_path / "both", base, stages=STAGES)
    run(both, base)
    alone = full(data, tmp_path / "alone", base, stages=STAGES[:1])
    run(alone, base)
    losses = [[line["loss"] for line in lines(tmp_path / name)] for name in ("both", "alone")]
    assert losses[0][:2] == losses[1][:2]
    assert losses[0][2] != losses[1][2]


def test_the_text_encoder_learns_where_it_is_asked_to(tmp_path, base, data):
    learnt = {}
    for name, more in (
        ("stays", {}),
        ("moves", {"learn_text": True}),
        ("slow", {"learn_text": True, "text_rate": 1e-3}),
    ):
        out = tmp_path / name
        run(full(data, out, base, words=NO_WORDS_LOST, **more), base)
        learnt[name] = text_of(out)
    before = text_of(base)
    moved = {
        name: sum(float((found[key] - before[key]).abs().sum()) for key in before)
        for name, found in learnt.items()
    }
    assert moved["stays"] == 0
    assert moved["moves"] > 100 * moved["slow"] > 0
    assert "its text encoder" in (tmp_path / "moves" / "MODEL.md").read_text()


def text_of(folder):
    return {
        name: weight
        for name, weight in load_file(folder / "model.safetensors").items()
        if name.startswith("text_encoder")
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"learn_text": True}, "method is full then"),
        ({"method": "full", "text_rate": 0.1}, "learn_text is true then"),
        ({"stages": [{"share": 0, "window_s": 1, "batch": 2}]}, r"stages\.0\.share"),
        ({"stages": [{"share": 1, "window_s": 31, "batch": 2}]}, r"stages\.0\.window_s"),
        ({"stages": [{"share": 1, "window_s": 1, "batch": 2, "opening": 1}]}, r"stages\.0\.opening"),
        ({"optimiser": {"average": 1.0}}, r"optimiser\.average"),
        ({"optimiser": {"least": -1}}, r"optimiser\.least"),
    ],
)
def test_what_cannot_be_learnt_is_refused_by_its_field(wrong, said):
    with pytest.raises(InvalidRequest, match=said):
        read(None, **USUAL | wrong)


def test_the_rate_falls_to_what_is_asked_for():
    for least in (0.0, 0.1, 1.0):
        assert schedule(99, 100, Optimiser(warmup_steps=0, least=least)) == pytest.approx(least, abs=1e-3)
    assert schedule(0, 100, Optimiser(warmup_steps=9)) == 0.1


def test_what_is_kept_and_judged_is_the_average_of_the_weights(tmp_path, base, data):
    out = tmp_path / "calm"
    run(
        full(data, out, base, optimiser=Optimiser(batch=2, warmup_steps=0, learning_rate=1e-3, average=0.9)),
        base,
    )
    saved, checkpoint = load_file(out / "model.safetensors"), out / "checkpoints" / "step-00000004"
    average, last = (load_file(checkpoint / f"{name}.safetensors") for name in ("average", "weights"))
    assert average.keys() == last.keys()
    name = "decoder.model.decoder.layers.0.fc1.weight"
    assert torch.equal(saved[name], average[name])
    assert not torch.equal(average[name], last[name])
    without = tmp_path / "without"
    run(full(data, without, base, optimiser=Optimiser(batch=2, warmup_steps=0, learning_rate=1e-3)), base)
    assert [line["loss"] for line in lines(out)] == [line["loss"] for line in lines(without)]
    assert lines(out)[-1]["valid"] != lines(without)[-1]["valid"]


def test_a_checkpoint_without_its_average_is_not_gone_on_with(tmp_path, base, data):
    wanted = full(data, tmp_path / "out", base, optimiser=Optimiser(batch=1, average=0.9))
    run(wanted, base)
    (tmp_path / "out" / "checkpoints" / "step-00000004" / "average.safetensors").unlink()
    with pytest.raises(CheckpointInvalid, match=r"average\.safetensors"):
        run(wanted.model_copy(update={"steps": 5}), base)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_in_two_parts_with_all_of_it_is_the_run_in_one(tmp_path, base, data, precision):
    more = {
        "steps": 6, "stages": STAGES, "learn_text": True, "text_rate": 0.5, "precision": precision,
        "optimiser": Optimiser(
            batch=2, accumulate=2, learning_rate=1e-3, warmup_steps=1, average=0.9, least=0.0
        ),
    }  # fmt: skip
    run(full(data, tmp_path / "whole", base, **more), base)
    parts = full(data, tmp_path / "parts", base, **more)
    run(parts.model_copy(update={"saving": parts.saving.model_copy(update={"keep": 9})}), base)
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000006")
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000004")
    run(parts, base)  # from step 2, in the first stage
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert all(np.isfinite(line["loss"]) for line in lines(tmp_path / "whole"))


def test_an_unfinished_run_becomes_a_model_by_the_steps_that_it_has_done(tmp_path, base, data):
    out = tmp_path / "out"
    wanted = full(data, out, base, steps=8, optimiser=Optimiser(batch=2, average=0.9))

    def tell(line):
        if line.get("step") == 5:
            raise KeyboardInterrupt

    from muscgen.training.loop import train

    with pytest.raises(KeyboardInterrupt):
        train(plan(wanted, card(base)), tell)
    assert not (out / "card.toml").exists()
    assert threading.active_count() == 1 or not any(
        t.name.startswith("batches") for t in threading.enumerate()
    )
    figures = run(wanted.model_copy(update={"steps": 4}), base)  # the newest checkpoint's
    assert figures["step"] == 4
    assert read_card(out).id == "ours/out"
    average = load_file(out / "checkpoints" / "step-00000004" / "average.safetensors")
    saved = load_file(out / "model.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in average.items())


def test_fewer_steps_than_are_done_are_refused(tmp_path, base, data):
    wanted = full(data, tmp_path / "out", base, steps=4)
    run(wanted, base)
    with pytest.raises(ConfigurationError, match="4 steps are done"):
        run(wanted.model_copy(update={"steps": 3}), base)


def test_batches_come_in_their_order_whoever_is_faster():
    slow = threading.Event()

    def make(step, place):
        if (step, place) == (0, 0):
            slow.wait(5)
        else:
            slow.set()
        return step, place

    places = [(step, place) for step in range(5) for place in range(2)]
    with Ahead(make, places, threads=3) as batches:
        assert list(batches) == places


def test_what_goes_wrong_with_a_batch_is_raised_where_it_is_taken():
    def make(step, place):
        if step == 2:
            raise OSError("no such shard")
        return step

    with Ahead(make, [(step, 0) for step in range(5)]) as batches:
        assert [next(batches), next(batches)] == [0, 1]
        with pytest.raises(OSError, match="no such shard"):
            next(batches)


def test_a_set_without_sound_is_learnt_from(tmp_path, base, data):
    """Its shards hold words and codes."""
    from muscgen.backends.listening import codec_revision
    from muscgen.models.checkpoint import Checkpoint

    silent = without_sound(shutil.copytree(data, tmp_path / "silent"))
    revision = codec_revision(Checkpoint(base))
    [ours], [theirs] = prepared([silent], revision), prepared([data], revision)
    for one, other in zip(ours.clips["train"], theirs.clips["train"], strict=True):
        assert np.array_equal(one.codes(), other.codes())
    assert np.isfinite(run(full(silent, tmp_path / "out", base, steps=1), base)["loss"])


def without_sound(folder):
    import tarfile

    from muscgen.data.place import Place

    manifest = json.loads((folder / "manifest.json").read_text())
    for shard in manifest["shards"]:
        path = Place(folder).shards / shard["name"]
        with tarfile.open(path) as old, tarfile.open(path.with_suffix(".new"), "w") as new:
            for entry in old:
                if not entry.name.endswith(".flac"):
                    new.addfile(entry, old.extractfile(entry))
        path.with_suffix(".new").rename(path)
        shard["bytes"] = path.stat().st_size
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_memory_on_a_gpu_is_that_of_attention_which_keeps_nothing(base):
    model = read_config(base)
    wanted = Config.model_validate(USUAL | {"method": "full"})
    here = memory.needs(10**6, 10**6, model, wanted, [(64, 1500)], memory.How())
    there = memory.needs(10**6, 10**6, model, wanted, [(64, 1500)], memory.How(fused=True, halves=True))
    assert there.passing < here.passing / 3
    assert there == memory.needs(
        10**6, 10**6, model, wanted, [(256, 128), (64, 1500)], memory.How(fused=True, halves=True)
    )
    averaged = Config.model_validate(USUAL | {"method": "full", "optimiser": {"average": 0.9}})
    assert (
        memory.needs(10**6, 10**6, model, averaged, [(64, 1500)], memory.How()).moving == here.moving * 4 / 3
    )


def test_the_shipped_models_windows_of_thirty_seconds_fit_a_gpu_of_80_gb():
    from tiny import MUSCGEN_TINY

    stages = (Stage(share=1, window_s=2.56, batch=256), Stage(share=1, window_s=30.0, batch=64))
    wanted = Config.model_validate(USUAL | {"method": "full", "learn_text": True, "stages": stages})
    windows = [(256, 128), (64, 1500)]
    need = memory.needs(
        20 * 10**6, 13 * 10**6, read_config(MUSCGEN_TINY), wanted, windows, memory.How(True, True)
    )
    memory.check(need, 78 * 10**9, wanted)
    assert need.total < 30e9
