"""What of the encoder learns: its LSTM of two layers and its last convolution, apart from all else.

It says of each part of each codebook's meaning a direction (ears.py). What is learnt is the cross-entropy of
each part, as if those of a code were drawn one by one: a dozen small questions instead of four of 2,048, and
nothing of the sounds of codes, which whoever looks for the nearest does not ask for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinysong import ears, meaning
from tinysong.analysis import LAST, LSTM
from tinysong.dynamics import WIDTH

Known = tuple[tuple[Tensor, Tensor], ...]  # an LSTM's states [1, N, 512], by layer
_CLOCK = 2.5  # what its parts count, beside others' 1
_STEEPNESS = 4.0  # of chances by what is said, beside directions of length 1
_SPOKEN = ears.LENGTH / 3  # of what is said, so that it is about as long as names are
_LSTM_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Listener(nn.Module):
    """Begins as an encoder that `ears.widened` made."""

    def __init__(self, encoder: Any) -> None:  # noqa: ANN401  (transformers' EncodecEncoder)
        super().__init__()
        self.layers = nn.ModuleList([nn.LSTM(WIDTH, WIDTH), nn.LSTM(WIDTH, WIDTH)])
        self.last = nn.Conv1d(WIDTH, sum(map(sum, ears.NUMBERS)), encoder.layers[LAST].conv.kernel_size)
        self.reach = self.last.kernel_size[0] // 2  # frames to both sides
        self._directions = ears.directions()
        self._places = [torch.from_numpy(meaning.places(book)) for book in range(meaning.BOOKS)]
        self._take(encoder)

    def forward(self, heard: Tensor, known: Known | None = None) -> tuple[Tensor, Known]:
        """What the front says [N, F, 512] -> what is said of codes [N, F, numbers], and what is known then.

        known: from what came before; no gradient goes back there.
        """
        given = heard.transpose(0, 1).contiguous()
        found, states = given, []
        for layer, state in zip(self.layers, known or (None, None), strict=True):
            found, (short, long) = layer(found, state)
            states.append((short.detach(), long.detach()))
        found = functional.elu(found.float() + given).permute(1, 2, 0)
        said: Tensor = self.last(functional.pad(found, (self.reach, self.reach), mode="reflect"))
        return said.transpose(1, 2), tuple(states)

    def loss(self, said: Tensor, codes: Tensor) -> Tensor:
        """Nats a part; codes [N, 4, F]. The clock's parts count more: they are learnt last."""
        losses, weights = [], []
        for book, chances in enumerate(self._chances(said)):
            places = self._places[book][codes[:, book]]
            for part, row in enumerate(chances):
                losses.append(functional.cross_entropy(row.flatten(0, 1), places[..., part].flatten()))
                weights.append(_CLOCK if book == 0 and part in (meaning.BEAT, meaning.FRAME) else 1.0)
        weighed = [weight * loss for weight, loss in zip(weights, losses, strict=True)]
        return torch.stack(weighed).sum() / sum(weights)

    @torch.no_grad()
    def right(self, said: Tensor, codes: Tensor) -> list[float]:
        """Of each codebook the share of codes that are the nearest to what is said."""
        return [float(share) for share in (self.nearest(said) == codes).double().mean((0, 2))]

    @torch.no_grad()
    def nearest(self, said: Tensor) -> Tensor:
        """The codes [N, 4, F] that are heard."""
        found = []
        for book, chances in enumerate(self._chances(said)):
            places = self._places[book]
            near = sum(row[..., places[:, part].clamp_min(0)] for part, row in enumerate(chances))
            assert isinstance(near, Tensor)  # noqa: S101 - there is a part
            near[..., places[:, 0] < 0] = -torch.inf
            found.append(near.argmax(-1))
        return torch.stack(found, 1)

    def _chances(self, said: Tensor) -> list[list[Tensor]]:
        """Logits of each part's places, by codebook."""
        numbers = [count for book in ears.NUMBERS for count in book]
        parts = iter(said.float().split(numbers, -1))
        return [[_STEEPNESS * next(parts) @ table.T for table in book] for book in self._directions]

    @torch.no_grad()
    def put_into(self, encoder: Any) -> None:  # noqa: ANN401  (transformers' EncodecEncoder)
        """In place. The numbers of a vector that are no name's stay silent."""
        for number, layer in enumerate(self.layers):
            for name in _LSTM_WEIGHTS:
                weight = getattr(layer, f"{name}_l0")
                getattr(encoder.layers[LSTM].lstm, f"{name}_l{number}").copy_(weight)
        last, names = encoder.layers[LAST].conv, len(self.last.weight)
        direction, length = last.parametrizations.weight.original1, last.parametrizations.weight.original0
        direction[:-names], length[:-names] = 1.0, 0.0
        direction[-names:] = _SPOKEN * self.last.weight
        length[-names:] = direction[-names:].flatten(1).norm(dim=1)[:, None, None]
        last.bias.zero_()
        last.bias[-names:] = _SPOKEN * self.last.bias

    @torch.no_grad()
    def _take(self, encoder: Any) -> None:  # noqa: ANN401
        for number, layer in enumerate(self.layers):
            for name in _LSTM_WEIGHTS:
                getattr(layer, f"{name}_l0").copy_(getattr(encoder.layers[LSTM].lstm, f"{name}_l{number}"))
        last, names = encoder.layers[LAST].conv, len(self.last.weight)
        self.last.weight.copy_(last.weight[-names:] / _SPOKEN)
        self.last.bias.copy_(last.bias[-names:] / _SPOKEN)
