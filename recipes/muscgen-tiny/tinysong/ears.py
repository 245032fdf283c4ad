"""A codec whose codes can be heard again: the shipped one, with a name for every code.

A frame of the shipped codec is the sum of four codes' sounds, of which three lie on the same oscillators; the
beat of the bar has no sound at all. So even the exact vectors give back a tenth to a third of the codes.
More numbers hold a code's name: for each part of its meaning a few, in which each instrument, pitch or age
has its direction, and silence one of its own. The decoder's weights for them are zero, so it sounds as
before, and names are so long that nothing else of a vector matters to whoever looks for the nearest: an
encoder can be taught to say them, part by part.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from muscgen.data.place import write
from muscgen.models.card import CARD
from muscgen.training.model import quiet
from tinysong import analysis, attack, dynamics, meaning
from tinysong.checkpoint import opened

_ITS_OWN = ("model.safetensors", "config.json", "MODEL.md", CARD)
NUMBERS = ((6, 2, 4), (3, 6, 4), (4, 5, 3, 3), (4, 6, 3))  # of each part of each codebook
LENGTH = 128.0  # of a part's vector; sounds of drums are up to 14 long
_NAMELESS = 512.0  # each number of a code without a meaning: it is never the nearest
_KEPT = 3.0  # added to the forget gates of half of the units: they hear across beats
_SEED, _PUSHES = 20, 600
_LSTM, _LAST = f"encoder.layers.{analysis.LSTM}.lstm", f"encoder.layers.{analysis.LAST}.conv"
Weights = dict[str, torch.Tensor]
STORED = Path(__file__).with_name("names.json")


def make(base: Path, out: Path, *, named: bool = True) -> None:
    """`base` is the shipped model; `out` becomes one that plays loud and soft, with the SoundFont's attacks.

    named: and whose codes have names, which its encoder has to learn; else its encoder stays.
    """
    model = opened(base)
    with quiet():
        voiced(model)
        if named and not has_names(model.audio_encoder):
            model.audio_encoder = widened(model.audio_encoder)
            model.config.audio_encoder = model.audio_encoder.config
        _shortened(model, base)
        model.save_pretrained(out)
    for path in base.iterdir():
        if path.name in _ITS_OWN:
            continue
        shutil.copyfile(path, out / path.name)
    card = (base / CARD).read_text("utf-8")
    kind = "named" if named else "voiced"
    write(out / CARD, card.replace(f'id = "{base.name}"', f'id = "{base.name}-{kind}"').encode())


def _shortened(model: Any, base: Path) -> None:  # noqa: ANN401
    """In place: a text encoder that knows no more words than the tokenizer has."""
    words = len(json.loads((base / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    model.text_encoder.resize_token_embeddings(words)
    model.config.text_encoder.vocab_size = words


def has_names(codec: Any) -> bool:  # noqa: ANN401  (transformers' EncodecModel)
    """Whether its codes have names, as the shipped one's have by now; its encoder goes on as it is."""
    return bool(codec.config.hidden_size > dynamics.LOUD + 1)


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
    config.hidden_size = config.codebook_dim = plain + sum(map(sum, NUMBERS))
    wide = type(codec)(config)
    weights, fresh = codec.state_dict(), wide.state_dict()
    for name, tensor in weights.items():
        fresh[name] = _grown(tensor, fresh[name])
    _begin(fresh)
    wide.load_state_dict(fresh)
    analysis.build(wide.encoder)
    _remembering(wide.encoder.layers[analysis.LSTM].lstm)
    start = plain
    for book, layer in enumerate(wide.quantizer.layers):
        width = sum(NUMBERS[book])
        layer.codebook.embed[:, start : start + width] = names(book)
        layer.codebook.embed_avg.copy_(layer.codebook.embed)
        start += width
    return wide.eval()


def directions() -> list[list[torch.Tensor]]:
    """[codebook][part], each [places + 1, numbers] of length 1; the last is silence."""
    return [[torch.tensor(table) for table in book] for book in json.loads(STORED.read_text("utf-8"))]


def names(book: int) -> torch.Tensor:
    """[2048, numbers of the codebook]."""
    places = meaning.places(book)
    parts = [table[places[:, n]] for n, table in enumerate(directions()[book])]
    found = LENGTH * torch.cat(parts, 1)
    found[places[:, 0] < 0] = _NAMELESS
    return found


def spread() -> list[list[list[list[float]]]]:
    """What names.json holds: directions that keep away from each other.

    Stored, as the last digits are not the same on every machine, and all codecs here should be.
    """
    return [
        [
            [[round(x, 4) for x in row] for row in _spread(size + 1, numbers, 100 * book + part).tolist()]
            for part, (size, numbers) in enumerate(zip(parts.sizes, NUMBERS[book], strict=True))
        ]
        for book, parts in enumerate(meaning.PARTS)
    ]


def _spread(count: int, numbers: int, seed: int) -> torch.Tensor:
    """So many directions, pushed apart ever more by who is nearest."""
    found = torch.randn(count, numbers, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    for step in range(_PUSHES):
        unit = nn.functional.normalize(found)
        near = torch.logsumexp(((4 + step / 20) * unit @ unit.T - 1_000 * torch.eye(count)).flatten(), 0)
        [slope] = torch.autograd.grad(near, found)
        found = (found - 0.3 * slope).detach().requires_grad_()
    return nn.functional.normalize(found).detach()


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
    rewrite(
        model,
        lambda weights: {
            name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()
        },
    )


def rewrite(model: Path, change: Callable[[Weights], Weights]) -> None:
    """A model's weights on the disk as `change` makes them; at no time is there half a file."""
    from safetensors.torch import load_file, save_file

    path = model / "model.safetensors"
    part = path.with_suffix(".part")
    save_file(change(load_file(path)), part, {"format": "pt"})
    part.chmod(path.stat().st_mode)
    part.replace(path)
