"""What an encoder that is to learn begins with: its front made even, and a first LSTM layer that is built.

The shipped encoder's front correlates each frame with 96 semitones, as cosine and sine, each also negated,
and with 126 sounds of drums; of gains that were made for another purpose. The first LSTM layer becomes
resonators: each semitone's pair is turned on by what a frame takes and added to what was, so that low tones
ring longer than a frame's 40 ms and a semitone can be told from the next. What goes out is rectified, as
levels are what matters. All of it may be changed by learning, but for the front.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from tinysong import meaning
from tinysong.dynamics import OSCILLATORS

FRONT, LSTM, LAST = 12, 13, 15  # layers of an encoder: the end of its front, and what learns behind it
TONES, LOWEST_HZ, DRUMS = OSCILLATORS, 440 * 2 ** ((24 - 69) / 12), 126
_LEVELS = (4.5, 5.5, 4.3, 4.0, 2.0, 1.3, 0.7, 0.25)  # by octave: deviations of songs, behind the front
_DRUM_LEVEL = 0.5
_OFFSET = 1.5  # of all samples that come to it, see the making of the first model
_WIDTH = 0.04  # of a resonator, in parts of its tone
_NEGATED = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])  # a part of a tone is its unit less the negated one
_IN, _OPEN, _SHUT, _STEEP = 0.4, 4.0, -4.0, 6.0


@torch.no_grad()
def build(encoder: Any) -> None:  # noqa: ANN401  (transformers' EncodecEncoder)
    """In place."""
    _even(encoder.layers[FRONT].conv)
    _resonate(encoder.layers[LSTM].lstm)


def gains() -> torch.Tensor:
    """[512]: what makes channels even. The last two are silent."""
    levels = torch.tensor(_LEVELS).repeat_interleave(4 * TONES // len(_LEVELS))
    return torch.cat([1 / levels, torch.full((DRUMS,), 1 / _DRUM_LEVEL), torch.zeros(2)])


def _even(front: Any) -> None:  # noqa: ANN401  (a convolution with weight norm)
    """All channels about one in songs, and zero in silence."""
    front.parametrizations.weight.original0.mul_(gains()[:, None, None])
    front.bias.copy_(-_OFFSET * front.weight.sum((1, 2)))


def _resonate(lstm: nn.LSTM) -> None:
    """Units 4 k to 4 k + 3 ring with semitone k; those behind pass drums through."""
    size, tones = lstm.hidden_size, 4 * TONES
    into, back, bias = torch.zeros(4, size, size), torch.zeros(4, size, size), torch.zeros(4, size)
    take, forget, new, out = range(4)  # PyTorch's order of gates
    bias[take], bias[forget], bias[out] = _OPEN, _SHUT, _OPEN
    bias[out, :tones] = 0.0
    for tone in range(TONES):
        hz = LOWEST_HZ * 2 ** (tone / 12)
        rest = math.exp(-2 * math.pi * _WIDTH * hz * meaning.HOP / meaning.RATE_HZ)
        angle = 2 * math.pi * hz * meaning.HOP / meaning.RATE_HZ
        cosine, sine = rest * math.cos(angle), rest * math.sin(angle)
        turn = torch.tensor([[cosine, sine], [-sine, cosine]])
        units = slice(4 * tone, 4 * tone + 4)
        into[new, units, units] = _IN * (1 - rest) * torch.eye(4)
        back[new, units, units] = torch.kron(turn, _NEGATED)
    drums = slice(tones, tones + DRUMS)
    into[new, drums, drums] = _IN * torch.eye(DRUMS)
    into[out, :tones], back[out, :tones] = _STEEP * into[new, :tones], _STEEP * back[new, :tones]
    lstm.weight_ih_l0.copy_(into.reshape(4 * size, size))
    lstm.weight_hh_l0.copy_(back.reshape(4 * size, size))
    lstm.bias_ih_l0.copy_(bias.reshape(-1))
    lstm.bias_hh_l0.zero_()
