"""What learns on a CUDA device learns what it learns on a CPU, and goes on from where it was."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny import MUSCGEN_TINY

from muscgen.training.average import Average
from muscgen.training.batches import IGNORED
from muscgen.training.checkpoints import Checkpoints, Learnt, State
from muscgen.training.codec_config import Hearing, Losses
from muscgen.training.codec_model import Codec, Windows
from muscgen.training.config import read
from muscgen.training.hearing import Changes, changes
from muscgen.training.model import load, tokenizer, trainable
from muscgen.training.speaker import Lesson, Speaker
from muscgen.training.texts import Texts

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.timeout(300),
]


def model():
    usual = {"id": "ours/one", "out": "out", "data": ("data",), "method": "full", "learn_text": True}
    return load(MUSCGEN_TINY, read(None, **usual))


def lesson(frames=300):
    """Four windows: one without words, one that ends early."""
    labels = torch.randint(0, 2048, (4, frames, 4), generator=torch.Generator().manual_seed(3))
    labels[1, frames // 2 :] = IGNORED
    texts = Texts(tokenizer(MUSCGEN_TINY), 128)
    return Lesson(
        *texts(["a harp", "", "jazz", "rock, 120 bpm"]), torch.tensor([True, False, True, True]), labels
    )


def learnt(speaker, device):
    loss = speaker.to(device)(lesson().to(torch.device(device)))
    loss.backward()
    gradients = [weight.grad.cpu() for weight in trainable(speaker).values()]
    return loss.item(), torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize(("halves", "tolerance"), [(False, 1e-3), (True, 5e-2)])
def test_losses_and_gradients_are_those_of_the_cpu(halves, tolerance):
    here = learnt(Speaker(model()), "cpu")
    there = learnt(Speaker(model(), halves=halves), DEVICE)
    assert there[0] == pytest.approx(here[0], rel=tolerance)
    assert float((there[1] - here[1]).norm() / here[1].norm()) < 2 * tolerance


def test_a_run_goes_on_there_from_what_it_kept(tmp_path):
    speaker = Speaker(model(), halves=True).to(DEVICE)
    first = moving(speaker)
    step(speaker, first)
    checkpoints = Checkpoints(tmp_path, 2)
    checkpoints.save(State(1, "c", ()), first)
    other = Speaker(model(), halves=True).to(DEVICE)
    second = moving(other)
    assert checkpoints.resume(State(0, "c", ()), second).steps == 1
    assert step(speaker, first) == pytest.approx(step(other, second), rel=1e-3)
    for name, value in first.average.items():
        torch.testing.assert_close(value, second.average[name], rtol=1e-3, atol=1e-4)


def moving(speaker):
    weights = trainable(speaker.model)
    optimiser = torch.optim.AdamW(weights.values(), lr=1e-4, fused=DEVICE == "cuda")
    return Learnt(weights, Average(weights, 0.9).values, optimiser)


def step(speaker, moved):
    average = Average(moved.weights, 0.9)
    average.values = dict(moved.average)
    loss = speaker(lesson().to(torch.device(DEVICE)))
    loss.backward()
    moved.optimiser.step()
    moved.optimiser.zero_grad()
    average.follow(1)
    return loss.item()


def test_an_encoder_hears_there_what_it_hears_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    codes = torch.randint(0, 2048, (3, 4, 25), generator=torch.Generator().manual_seed(1))
    own = torch.randn(1, 25 * 640, generator=torch.Generator().manual_seed(2)) * 0.1
    found = []
    for device in ("cpu", DEVICE):
        codec = Codec(copy.deepcopy(model().audio_encoder), 4, "encoder", Losses(), 32_000).to(device).train()
        figures = codec(Windows(own, codes, still()).to(torch.device(device)))
        figures["loss"].backward()
        assert all(torch.isfinite(weight.grad).all() for weight in trainable(codec).values())
        found.append({name: float(value.detach()) for name, value in figures.items()})
    assert found[1]["near"] == pytest.approx(found[0]["near"], rel=1e-2)
    assert found[1]["named"] == pytest.approx(found[0]["named"], rel=1e-2)


def still() -> Changes:
    """Filtered and made louder, without noise, which each device draws for itself."""
    import numpy as np

    by = changes(Hearing(share=1.0), np.arange(3), np.random.default_rng(0))
    return Changes(by.gain_db, by.tilt_db, by.lowpass_hz, np.full(3, -np.inf, np.float32))
