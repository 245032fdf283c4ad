"""The stereo twin of a mono model: one codec for both channels; its language model begins as the mono one.

Codebooks lie left and right in turn. Each begins with the embeddings and the head of its mono codebook; the
embeddings are halved, as twice as many are added up. So two channels that are alike are heard, and gone on
with, as the mono model would. That they differ is learnt.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import torch

from muscgen.data.place import write
from muscgen.models.card import CARD, read_card
from muscgen.training.model import quiet
from tinysong.checkpoint import opened

CHANNELS = 2
_OF_A_BOOK = re.compile(r"(?P<table>decoder\..*(?:embed_tokens|lm_heads))\.(?P<book>\d+)\.weight")
_ITS_OWN = ("model.safetensors", "config.json", "MODEL.md", CARD)


@torch.no_grad()
def make(mono: Path, out: Path) -> None:
    """`mono` is a model in transformers' layout; `out` becomes its twin, which plays both channels."""
    from transformers import MusicgenConfig, MusicgenForConditionalGeneration

    base = opened(mono)
    with quiet():
        config = MusicgenConfig.from_dict(base.config.to_dict())
        config.decoder.num_codebooks = CHANNELS * base.config.decoder.num_codebooks
        config.decoder.audio_channels = CHANNELS
        twin = MusicgenForConditionalGeneration(config)
        twin.load_state_dict(_doubled(base))
        twin.generation_config = base.generation_config
        twin.save_pretrained(out)
    for path in mono.iterdir():
        if path.is_file() and path.name not in _ITS_OWN:
            shutil.copyfile(path, out / path.name)
    name = read_card(mono).id
    card = (mono / CARD).read_text("utf-8").replace(f'id = "{name}"', f'id = "{name}-stereo"', 1)
    write(out / CARD, card.encode())


def _doubled(base: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights, with two codebooks in place of each."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in base.state_dict().items():
        part = _OF_A_BOOK.fullmatch(name)
        if part is None:
            found[name] = tensor
            continue
        scale = 1.0 if part["table"].endswith("lm_heads") else 1 / CHANNELS
        for channel in range(CHANNELS):
            book = CHANNELS * int(part["book"]) + channel
            found[f"{part['table']}.{book}.weight"] = tensor * scale
    return found
