"""What the recipe's encoder is before it learns."""

import numpy as np
import pytest
import torch

from training.recipe import front

pytestmark = pytest.mark.usefixtures("beside")


@torch.no_grad()
def test_an_encoder_begins_with_resonators_that_tell_semitones_apart_from_the_cello_up(nameless):
    """The lowest ones need longer than half a second."""
    from tinysong import analysis

    encoder = nameless.encoder
    analysis.build(encoder)
    first = torch.nn.LSTM(512, 512)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        getattr(first, name).copy_(getattr(encoder.layers[13].lstm, name))

    def rung(sound):
        given = front(encoder, sound)
        return given, first(given.permute(2, 0, 1))[0][:, 0, :384].reshape(-1, 96, 4).sum(-1)

    seconds = torch.arange(48_000) / 32_000
    for pitch in (48, 55, 64, 76, 93):
        _, levels = rung(0.1 * torch.sin(2 * torch.pi * 440 * 2 ** ((pitch - 69) / 12) * seconds)[None, None])
        tone = pitch - 24
        mean = levels[25:].mean(0)
        assert int(mean.argmax()) == tone
        assert mean[tone] > 1.25 * max(mean[tone - 1], mean[tone + 1])
        assert mean[tone] > 3 * max(mean[: tone - 2].max(), mean[tone + 3 :].max()) or pitch < 60
    given, levels = rung(torch.zeros(1, 1, 16_000))
    assert given.abs().max() < 1e-3
    assert levels.std() < 1e-3


@torch.no_grad()
def test_what_an_encoder_begins_with_hears_all_channels_about_equally(nameless):
    from tinysong import ears
    from tinysong.composer import compose

    codec = ears.widened(nameless)
    codes = torch.from_numpy(np.concatenate([compose(n, 4).codes()[:, :150] for n in range(6)], 1))
    given = front(codec.encoder, codec.decode(codes[None, None].long(), [None])[0])
    spread = given[0].std(1)
    assert 0.5 < spread[:384].mean() < 2
    assert 0.5 < spread[384:510].mean() < 2
    assert spread[510:].abs().max() == 0
    assert given.mean(2).abs().max() < 1
