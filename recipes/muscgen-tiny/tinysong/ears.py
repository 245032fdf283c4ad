"""A codec whose codes can be heard again: the shipped one, with a name for every code.

A frame of the shipped codec is the sum of four codes' sounds, of which three lie on the same oscillators; the
beat of the bar has no sound at all. So even the exact vectors give back a tenth to a third of the codes.
Twelve more numbers a codebook hold a code's name: a vector for each part of its meaning, added up. The
decoder's weights for them are zero, so it sounds as before, and an encoder can be taught to say them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from muscgen.data.place import write
from muscgen.models.card import CARD
from muscgen.training.model import quiet
from tinysong import analysis, attack, dynamics, meaning

_ITS_OWN = ("model.safetensors", "config.json", "MODEL.md", CARD)
_NAME = 12  # numbers of a codebook
_LENGTH = 1.5  # of a part's vector: names weigh more than the sounds of other codebooks
_KEPT = 3.0  # added to the forget gates of half of the units: they hear across beats
_SEED = 20
_LSTM, _LAST = "encoder.layers.13.lstm", "encoder.layers.15.conv"
STORED = Path(__file__).with_name("names.json")


def make(base: Path, out: Path, *, named: bool = True) -> None:
    """`base` is the shipped model; `out` becomes one that plays loud and soft, with the SoundFont's attacks.

    named: and whose codes have names, which its encoder has to learn; else its encoder stays.
    """
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            base, dtype=torch.float32, local_files_only=True
        )
        voiced(model)
        if named:
            model.audio_encoder = widened(model.audio_encoder)
            model.config.audio_encoder = model.audio_encoder.config
        model.save_pretrained(out)
    for path in base.iterdir():
        if path.name in _ITS_OWN:
            continue
        shutil.copyfile(path, out / path.name)
    card = (base / CARD).read_text("utf-8")
    kind = "named" if named else "voiced"
    write(out / CARD, card.replace(f'id = "{base.name}"', f'id = "{base.name}-{kind}"').encode())


def voiced(model: Any) -> None:  # noqa: ANN401  (transformers' MusicgenForConditionalGeneration)
    """In place: attacks, loud and soft. One that has them, as the shipped one has by now, stays as it is."""
    if dynamics.has(model.audio_encoder):
        return
    attack.sharpen(model.audio_encoder)
    dynamics.add(model.audio_encoder)
    dynamics.speak(model.decoder)


@torch.no_grad()
def widened(codec: Any) -> Any:  # noqa: ANN401  (transformers' EncodecModel)
    """A copy with wider vectors; its encoder, behind its analysis of sound, knows nothing yet."""
    config = type(codec.config).from_dict(codec.config.to_dict())
    plain = config.hidden_size
    config.hidden_size = config.codebook_dim = plain + meaning.BOOKS * _NAME
    wide = type(codec)(config)
    weights, fresh = codec.state_dict(), wide.state_dict()
    for name, tensor in weights.items():
        fresh[name] = _grown(tensor, fresh[name])
    _begin(fresh)
    wide.load_state_dict(fresh)
    analysis.build(wide.encoder)
    _remembering(wide.encoder.layers[13].lstm)
    for book, layer in enumerate(wide.quantizer.layers):
        start = plain + book * _NAME
        layer.codebook.embed[:, start : start + _NAME] = names(book)
        layer.codebook.embed_avg.copy_(layer.codebook.embed)
    return wide.eval()


def names(book: int) -> torch.Tensor:
    """[2048, 12]; silence is zeros, codes without a meaning lie where nothing else does."""
    parts = meaning.PARTS[book]
    tables = [torch.tensor(table) for table in json.loads(STORED.read_text("utf-8"))[book]]
    found = torch.full((meaning.SIZE, _NAME), 8.0)
    found[0] = 0.0
    for code in range(1, meaning.SIZE):
        places = parts.of(code)
        if places is not None:
            found[code] = torch.stack([table[n] for table, n in zip(tables, places, strict=True)]).sum(0)
    return found


def spread() -> list[list[list[list[float]]]]:
    """What names.json holds: for each part of a codebook's meaning so many vectors that keep away from each
    other. Stored, as the last digits are not the same on every machine, and all codecs here should be."""
    tables = []
    for book, parts in enumerate(meaning.PARTS):
        chances = torch.Generator().manual_seed(_SEED + book)
        tables.append([_spread(size, chances) for size in parts.sizes])
    return [[[[round(x, 4) for x in row] for row in table.tolist()] for table in book] for book in tables]


def _spread(count: int, chances: torch.Generator) -> torch.Tensor:
    """So many vectors of one length that keep away from each other."""
    found = torch.randn(count, _NAME, generator=chances).requires_grad_()
    for _ in range(200):
        unit = nn.functional.normalize(found)
        near = torch.logsumexp((4 * unit @ unit.T - 100 * torch.eye(count)).flatten(), 0)
        [slope] = torch.autograd.grad(near, found)
        found = (found - 0.5 * slope).detach().requires_grad_()
    return _LENGTH * nn.functional.normalize(found).detach()


def _grown(tensor: torch.Tensor, fresh: torch.Tensor) -> torch.Tensor:
    """The tensor in a larger one, beside zeros."""
    grown = torch.zeros_like(fresh)
    grown[tuple(slice(size) for size in tensor.shape)] = tensor
    return grown


def _begin(weights: dict[str, torch.Tensor]) -> None:
    """What the encoder has to learn, in place: its second LSTM layer and its last convolution."""
    chances = np.random.Generator(np.random.PCG64(_SEED))  # the same numbers on every machine
    for name in sorted(weights):
        if _LSTM in name and "l1" in name:
            tensor = weights[name]
            bound = 0.0 if "bias" in name else (6 / sum(tensor.shape)) ** 0.5
            tensor.copy_(torch.from_numpy(chances.uniform(-bound, bound, tuple(tensor.shape))))
    direction = weights[f"{_LAST}.parametrizations.weight.original1"]
    bound = direction[0].numel() ** -0.5
    drawn = chances.uniform(-bound, bound, tuple(direction.shape))
    direction.copy_(torch.from_numpy(drawn))
    norms = np.sqrt((drawn**2).sum(axis=(1, 2), keepdims=True))
    weights[f"{_LAST}.parametrizations.weight.original0"].copy_(torch.from_numpy(norms))
    weights[f"{_LAST}.bias"].zero_()


def _remembering(lstm: nn.LSTM) -> None:
    """Half of the second layer's units hear across beats."""
    size = lstm.hidden_size
    lstm.bias_hh_l1[size : size + size // 2] += _KEPT


def halve(model: Path) -> None:
    """The model's weights in half precision on the disk; its configuration says that they run in float32."""
    from safetensors.torch import load_file, save_file

    path = model / "model.safetensors"
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(path).items()
    }
    part = path.with_suffix(".part")
    save_file(weights, part, {"format": "pt"})
    part.chmod(path.stat().st_mode)
    part.replace(path)
