"""muscgen-tiny's recipe, where its tests find it, and the model that it begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from muscgen.models.leftout import BUILTIN

RECIPE = Path(__file__).parents[2] / "recipes" / "muscgen-tiny"


@torch.no_grad()
def front(encoder, sound):
    """What the encoder's LSTM is given [1, 512, F] of sound [1, 1, T]."""
    for layer in encoder.layers[:13]:
        sound = layer(sound)
    return sound


@pytest.fixture
def beside(monkeypatch):
    """The recipe's package can be imported."""
    monkeypatch.syspath_prepend(str(RECIPE))


@pytest.fixture
def shipped(beside):
    from tinysong.checkpoint import opened

    return opened(BUILTIN / "muscgen-tiny").requires_grad_(False)


@pytest.fixture
def nameless(shipped):
    """The shipped codec as it was before its codes had names, and its front before it was made even."""
    from tinysong import analysis

    codec = shipped.audio_encoder
    config = type(codec.config).from_dict(codec.config.to_dict())
    config.hidden_size = config.codebook_dim = 224
    plain = type(codec)(config)
    weights, cut = codec.state_dict(), {}
    for name, tensor in plain.state_dict().items():
        cut[name] = weights[name][tuple(slice(size) for size in tensor.shape)]
    plain.load_state_dict(cut)
    front = plain.encoder.layers[12].conv.parametrizations.weight.original0
    with torch.no_grad():
        front.div_(analysis.gains()[:, None, None].where(front != 0, torch.ones(1)))
    return plain.requires_grad_(False).eval()
