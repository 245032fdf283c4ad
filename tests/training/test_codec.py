"""A codec that learns: from exact pairs, from sound, and from where it was killed."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from muscgen.backends.onnx import OnnxBackend
from muscgen.cli.app import app
from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.models.card import read_card
from muscgen.training.codec_config import CodecTraining
from muscgen.training.codec_loop import plan, train
from muscgen.training.config import Optimiser, Saving, read_as
from muscgen.training.model import quiet
from training.sets import card
from training.test_training import done, lines, prepared_manifest, weights

pytestmark = pytest.mark.timeout(300)
CODEC = ("audio_encoder.encoder", "audio_encoder.decoder", "audio_encoder.quantizer")


def config(data: Path, out: Path, base: Path, **more) -> CodecTraining:
    usual = {
        "id": f"ours/{out.name}",
        "out": out,
        "data": (data,),
        "base": str(base),
        "steps": 4,
        "window_s": 0.4,
        "device": "cpu",
        "saving": Saving(every_steps=2, valid_batches=1, sample_s=0),
        "optimiser": Optimiser(batch=2, learning_rate=1e-3, warmup_steps=0, schedule="constant"),
    }
    return read_as(CodecTraining, None, **usual | more)


def run(wanted, base):
    return train(plan(wanted, card(base)), lambda _: None)


def loaded(folder: Path):
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        return MusicgenForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


def changed(before: Path, after: Path) -> set[str]:
    """Which parts of a model are not what they were."""
    one, other = loaded(before).state_dict(), loaded(after).state_dict()
    different = {name for name, tensor in one.items() if not torch.equal(tensor, other[name])}
    return {".".join(name.split(".")[:2]) for name in different}


def test_a_codec_of_random_weights_learns_clips(tmp_path, base, data):
    wanted = config(
        data, tmp_path / "heart", base, learn="all", steps=60,
        optimiser=Optimiser(batch=3, learning_rate=3e-3, warmup_steps=5, weight_decay=0.0),
        saving=Saving(every_steps=1_000, valid_batches=0, sample_s=0),
    )  # fmt: skip
    run(wanted, base)
    log = lines(tmp_path / "heart")
    mel = [line["mel"] for line in log]
    assert np.mean(mel[-10:]) < 0.4 * np.mean(mel[:5]), mel[::10]
    assert np.mean([line["used"] for line in log[-20:]]) > 2  # not one code for everything
    assert changed(base, tmp_path / "heart") == set(CODEC)


def test_an_encoder_learns_codes_from_the_sound_that_they_are(tmp_path, base, data):
    wanted = config(
        data, tmp_path / "ears", base, learn="encoder", steps=60, exchange=0.0,
        optimiser=Optimiser(batch=4, learning_rate=3e-3, warmup_steps=5, weight_decay=0.0),
        saving=Saving(every_steps=1_000, valid_batches=0, sample_s=0),
    )  # fmt: skip
    run(wanted, base)
    log = lines(tmp_path / "ears")
    assert np.mean([line["near"] for line in log[-5:]]) < 0.7 * np.mean([line["near"] for line in log[:5]])
    assert changed(base, tmp_path / "ears") == {"audio_encoder.encoder"}


def front_of(folder: Path) -> dict[str, torch.Tensor]:
    """The encoder's weights before its LSTM."""
    encoder = loaded(folder).audio_encoder.encoder
    lstm = [type(layer).__name__ for layer in encoder.layers].index("EncodecLSTM")
    return dict(encoder.layers[:lstm].state_dict())


def moved(before: Path, after: Path) -> float:
    one, other = front_of(before), front_of(after)
    return max(float((tensor - other[name]).abs().max()) for name, tensor in one.items())


def test_a_front_that_is_frozen_stays_while_the_rest_of_the_encoder_learns(tmp_path, base, data):
    told = {}
    for front in (0.0, 1.0):
        lines_ = told.setdefault(front, [])
        train(plan(config(data, tmp_path / f"{front}", base, front_rate=front), card(base)), lines_.append)
    assert moved(base, tmp_path / "0.0") == 0
    assert moved(base, tmp_path / "1.0") > 0
    assert changed(base, tmp_path / "0.0") == {"audio_encoder.encoder"}
    front = sum(tensor.numel() for tensor in front_of(base).values())
    assert told[1.0][0]["learning"] - told[0.0][0]["learning"] == front
    assert told[0.0][0]["memory"] != told[1.0][0]["memory"]


def test_a_front_learns_as_much_more_slowly_as_it_is_told(tmp_path, base, data):
    for front in (1.0, 0.03):
        run(config(data, tmp_path / f"{front}", base, steps=1, front_rate=front), base)
    ways = [moved(base, tmp_path / name) for name in ("0.03", "1.0")]
    assert ways[0] == pytest.approx(0.03 * ways[1], rel=0.01)  # AdamW's first step is of the rate's length


@pytest.mark.parametrize("other", [{"learn": "decoder"}, {"learn": "all"}, {"from_nothing": True}])
def test_a_rate_of_a_front_that_there_is_not_is_refused(tmp_path, base, data, other):
    with pytest.raises(InvalidRequest, match="front_rate is of a base's front"):
        config(data, tmp_path / "out", base, front_rate=0.5, **other)


def test_what_is_heard_right_is_told(tmp_path, base, data):
    """The share of codes that come back, by the encoder that serves."""
    wanted = config(data, tmp_path / "ears", base, steps=2)
    figures = run(wanted, base)
    assert 0 <= figures["right"] <= 1
    assert {"valid", "valid_right", "near", "named"} <= set(figures)


def test_a_decoder_learns_beside_an_encoder_that_stays(tmp_path, base, data):
    figures = run(config(data, tmp_path / "mouth", base, learn="decoder"), base)
    assert {"mel", "wave", "used", "valid"} <= set(figures)
    assert changed(base, tmp_path / "mouth") == {"audio_encoder.decoder"}


@pytest.mark.parametrize(
    ("learn", "from_nothing"), [("encoder", False), ("decoder", True), ("all", False), ("all", True)]
)
def test_a_run_in_two_parts_is_the_run_in_one(tmp_path, base, data, learn, from_nothing):
    run(config(data, tmp_path / "whole", base, learn=learn, from_nothing=from_nothing), base)
    parts = config(data, tmp_path / "parts", base, learn=learn, from_nothing=from_nothing)
    run(parts.model_copy(update={"steps": 3}), base)
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000003")
    run(parts, base)  # from step 2
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


BOOKS = [f"books.{n}" for n in range(4)]


def books(out: Path, step: int) -> torch.Tensor:
    kept = load_file(out / "checkpoints" / f"step-{step:08d}" / "weights.safetensors")
    return torch.stack([kept[name] for name in BOOKS])


def moved_far(one: torch.Tensor, other: torch.Tensor) -> float:
    """The share of codes that are not nearly what they were."""
    return float(((one - other).norm(dim=-1) > 0.1 * other.norm(dim=-1)).double().mean())


def plainly(data: Path, out: Path, base: Path, steps: int, **more) -> CodecTraining:
    saving = Saving(every_steps=1, keep=99, valid_batches=0, sample_s=0)
    return config(data, out, base, learn="all", from_nothing=True, steps=steps, saving=saving, **more)


def stopped(wanted: CodecTraining, base: Path, after: int) -> None:
    def tell(line):
        if line.get("step") == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(plan(wanted, card(base)), tell)


def test_codes_begin_though_a_run_goes_on_to_fewer_steps(tmp_path, base, data):
    out = tmp_path / "new"
    stopped(plainly(data, out, base, steps=20), base, after=5)  # of six without codes
    run(plainly(data, out, base, steps=7), base)  # would have begun after two
    assert moved_far(books(out, 5), books(out, 1)) == 0
    assert moved_far(books(out, 6), books(out, 5)) > 0.9


def test_codes_that_have_begun_stay_though_a_run_goes_on_to_more_steps(tmp_path, base, data):
    out = tmp_path / "new"
    stopped(plainly(data, out, base, steps=6), base, after=4)  # codes began before the third
    run(plainly(data, out, base, steps=18), base)  # they would begin before the sixth
    assert moved_far(books(out, 3), books(out, 2)) > 0.9
    for step in range(4, 19):
        assert moved_far(books(out, step), books(out, step - 1)) < 0.1  # but for those that nothing uses


def test_a_codec_whose_codes_have_not_begun_does_not_become_a_model(tmp_path, base, data):
    out = tmp_path / "new"
    stopped(plainly(data, out, base, steps=20), base, after=3)
    with pytest.raises(ConfigurationError, match=r"3 steps are done .* without codes") as refusal:
        run(plainly(data, out, base, steps=3), base)
    assert (refusal.value.param, refusal.value.suggestion) == ("steps", "more than 3")
    assert not (out / "card.toml").exists()


def test_an_older_run_goes_on_with_codes_as_far_as_it_seems(tmp_path, base, data):
    """Its state says nothing of them."""
    for name in ("whole", "old"):
        stopped(plainly(data, tmp_path / name, base, steps=6), base, after=3)
    state = tmp_path / "old" / "checkpoints" / "step-00000003" / "state.json"
    fields = json.loads(state.read_text())
    state.write_text(json.dumps({name: fields[name] for name in ("steps", "config", "manifests")}))
    for name in ("whole", "old"):
        run(plainly(data, tmp_path / name, base, steps=6), base)
    assert weights(tmp_path / "old") == weights(tmp_path / "whole")


TOGETHER = """
import sys
from hashlib import sha256
from pathlib import Path
from accelerate import Accelerator
from training.sets import card
from training.test_codec import Saving, config
from muscgen.training.codec_loop import _Loop, plan
base, data, out = map(Path, sys.argv[1:])
new = {"learn": "all", "from_nothing": True, "steps": 8, "saving": Saving(valid_batches=0, sample_s=0)}
accelerator = Accelerator(cpu=True)
loop = _Loop(plan(config(data, out, base, **new), card(base)), accelerator, lambda _: None)
loop.run()
learnt = b"".join(weight.detach().numpy().tobytes() for weight in loop._weights.values())
print("learnt", accelerator.num_processes, sha256(learnt).hexdigest())
accelerator.end_training()
"""


def test_two_processes_learn_one_codec(tmp_path, base, data):
    """Codes begin before the third step, and are moved before the sixth."""
    words = [sys.executable, "-c", TOGETHER, str(base), str(data), str(tmp_path / "out")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    common = {"PYTHONPATH": ":".join(sys.path), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    common |= {"WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            words,
            env=common | {"RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    try:
        told = [process.communicate(timeout=200) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], told
    learnt = [line for out, _ in told for line in out.splitlines() if line.startswith("learnt")]
    assert len(learnt) == 2
    assert len(set(learnt)) == 1
    assert learnt[0].split()[1] == "2"


KILLED = """
import os, signal, sys, torch
torch.set_num_threads(1)
from pathlib import Path
from training.sets import card
from training.test_codec import config
from muscgen.training.codec_loop import plan, train
base, data, out = map(Path, sys.argv[1:])
def tell(line):
    if line.get("step") == 5:
        os.kill(os.getpid(), signal.SIGKILL)
train(plan(config(data, out, base, steps=8, learn="all"), card(base)), tell)
"""


def test_a_run_that_is_killed_goes_on_to_the_same_losses(tmp_path, base, data):
    whole, out = tmp_path / "whole", tmp_path / "killed"
    run(config(data, whole, base, steps=8, learn="all"), base)
    words = [sys.executable, "-c", KILLED, str(base), str(data), str(out)]
    path = {"PYTHONPATH": ":".join([*sys.path])}
    killed = subprocess.run(words, env=path, capture_output=True, check=False, timeout=250)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(done(out)) == 5  # a step after the last checkpoint
    assert not (out / "card.toml").exists()  # not a model yet
    run(config(data, out, base, steps=8, learn="all"), base)
    assert lines(out) == lines(whole)
    assert weights(out) == weights(whole)


@pytest.mark.parametrize("learn", ["encoder", "all"])
def test_samples_are_kept_beside_what_they_were(tmp_path, base, data, learn):
    saving = Saving(every_steps=2, valid_batches=0, sample_s=0.8)
    figures = run(config(data, tmp_path / "out", base, steps=2, learn=learn, saving=saving), base)
    assert figures["samples"] == 2
    folder = tmp_path / "out" / "samples" / "step-00000002"
    said = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    for n, sample in enumerate(said):
        assert sample["file"] == f"{n}.wav"
        assert {soundfile.info(folder / name).frames for name in (f"{n}.wav", f"{n}-was.wav")} == {25_600}
        was, made = (soundfile.read(folder / name)[0] for name in (f"{n}-was.wav", f"{n}.wav"))
        assert was.std() > 0
        assert not np.array_equal(was, made)


def test_a_codec_says_what_memory_it_takes_before_it_starts(tmp_path, base, data):
    told = []
    train(plan(config(data, tmp_path / "out", base, steps=1), card(base)), told.append)
    assert "gradients and moments" in told[0]["memory"]


def test_what_is_made_is_served_and_says_what_it_was_made_of(tmp_path, base, data):
    out = tmp_path / "served"
    run(config(data, out, base), base)
    model = read_card(out)
    assert model.stated.manifests == (prepared_manifest(data),)
    assert "the codec's encoder" in (out / "MODEL.md").read_text()
    words = ["generate", "harp", "-o", tmp_path / "song.wav", "--model", out, "--duration", 1, "--seed", 3]
    done = CliRunner().invoke(app, [*map(str, words), "--home", str(tmp_path / "home"), "--backend", "onnx"])
    assert done.exit_code == 0, done.output
    backend = OnnxBackend.load(out, precision="fp32", rows=2, threads=1)
    try:
        sound = np.random.default_rng(0).normal(0, 0.1, (1, 6_400)).astype(np.float32)
        with quiet(), torch.inference_mode():
            wanted = loaded(out).audio_encoder.encode(torch.from_numpy(sound)[None]).audio_codes[0, 0]
        assert np.mean(backend.encode_audio(sound) == wanted.numpy()) > 0.95  # near ties may fall either way
    finally:
        backend.close()


def test_a_new_codec_says_that_its_language_model_is_anothers(tmp_path, base, data):
    run(config(data, tmp_path / "new", base, learn="all", steps=1), base)
    assert "another codec" in read_card(tmp_path / "new").stated.limits


def test_pairs_are_of_the_bases_own_codes(tmp_path, data):
    from tiny import random_checkpoint

    other = random_checkpoint(tmp_path / "other", seed=12)
    with pytest.raises(ConfigurationError, match="codes of"):
        plan(config(data, tmp_path / "out", other), card(other))
    # sound is learnt from whatever codes there are
    assert plan(config(data, tmp_path / "out", other, learn="decoder"), card(other)).tracks["train"]


def test_a_melody_model_is_refused_by_name(tmp_path, data):
    from tiny import random_checkpoint

    melody = random_checkpoint(tmp_path / "melody", seed=2, melody=True)
    with pytest.raises(InvalidRequest, match="is a melody model"):
        plan(config(data, tmp_path / "out", melody), card(melody))


def test_sound_of_another_width_is_refused(tmp_path, data):
    from tiny import random_checkpoint

    other = random_checkpoint(tmp_path / "stereo", seed=12, stereo=True)
    with pytest.raises(ConfigurationError, match="1 channels at 32000 Hz"):
        plan(config(data, tmp_path / "out", other, learn="all"), card(other))


def test_a_setting_that_nobody_knows_is_refused_with_those_that_are(tmp_path, base, data):
    with pytest.raises(InvalidRequest, match=r"losses\.mels") as refusal:
        config(data, tmp_path / "out", base, losses={"mels": 1})
    assert "wave, mel, commit" in refusal.value.suggestion


def test_the_command_trains_and_tells(tmp_path, base, data):
    words = [
        *("train", "codec", "--data", data, "--out", tmp_path / "out", "--id", "ours/ears", "--base", base),
        *(
            "--steps",
            2,
            "--batch",
            1,
            "--window",
            0.4,
            "--device",
            "cpu",
            "--json",
            "--home",
            tmp_path / "home",
        ),
    ]
    told = CliRunner().invoke(app, list(map(str, words)))
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["model"], found["steps"]) == ("ours/ears", 2)
    assert read_card(tmp_path / "out").id == "ours/ears"
