"""muscgen-tiny's recipe, where its tests find it, and the model that it begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from muscgen.models.leftout import BUILTIN

RECIPE = Path(__file__).parents[2] / "recipes" / "muscgen-tiny"


@pytest.fixture
def beside(monkeypatch):
    """The recipe's package can be imported."""
    monkeypatch.syspath_prepend(str(RECIPE))


@pytest.fixture
def shipped():
    from transformers import MusicgenForConditionalGeneration

    from muscgen.training.model import quiet

    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(
            BUILTIN / "muscgen-tiny", dtype=torch.float32
        )
    return model.requires_grad_(False).eval()
