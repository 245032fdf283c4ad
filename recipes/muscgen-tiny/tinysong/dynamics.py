"""Loud and soft, in codes: a decoder that plays more softly, and more darkly, while the clock is marked so.

The clock's code of a frame without a stroke has two spellings: `meaning.LOUD` and `meaning.SOFT`. The
decoder moves its level towards the one it hears, within about half a second, and keeps it while drums are
struck. So a bar whose beats are marked in part is in between. Strokes of drums keep their own loudness.

Nothing was retrained for it. Two numbers of the first codec's vectors were never used; one unit of its first
LSTM layer now remembers the level; the output gates of the second, which were open, follow it. The shipped
codec has it since.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tinysong import meaning

OSCILLATORS, WIDTH = 96, 512  # of the shipped design: a semitone each, from C1 to B8; channels
SOFT, LOUD = 222, 223  # numbers of a vector: the marks
_UNIT, _BEGUN = 480, 511  # of the first layer: free; what is 0 before the first frame, 1 soon after
_CHANNELS = {SOFT: (2, 3), LOUD: (6, 7)}  # pairs that the synthesis cancels
_STEP, _OFFSET = 0.125, 0.25  # of a channel: for one mark, at rest
_LEVEL = 0.5  # the unit's cell where all is soft
_RATE = 1 / 25  # of the way, each marked frame
_SHUT = 12.0  # of a gate's preactivation: closed
_OPEN = 2.2  # the output gates' where all is loud
_SOFT_DB = (-9.0, -20.0)  # of the lowest and the highest oscillator, where all is soft


@torch.no_grad()
def add(codec: Any) -> None:  # noqa: ANN401  (transformers' EncodecModel)
    """Teach a codec of the first one's design to play softly, in place; what it played stays."""
    start, lstm, synthesis = (codec.decoder.layers[n] for n in (0, 1, 3))
    _marks(codec.quantizer.layers[0].codebook)
    weight = _weight(start.conv)
    for number, channels in _CHANNELS.items():
        for channel in channels:
            weight[channel, number, weight.shape[2] // 2] = _STEP
    _set_weight(start.conv, weight)
    _remember(lstm.lstm)
    _follow(lstm.lstm)
    tones = 4 * OSCILLATORS
    scale = synthesis.conv.parametrizations.weight.original0
    scale[:tones] /= _sigmoid(_OPEN)


def has(codec: Any) -> bool:  # noqa: ANN401  (transformers' EncodecModel)
    """Whether its clock is marked, so that it plays softly already."""
    embed = codec.quantizer.layers[0].codebook.embed
    return bool((embed[_clock(meaning.LOUD), LOUD] == 1).all())


@torch.no_grad()
def speak(decoder: Any) -> None:  # noqa: ANN401  (transformers' MusicgenForCausalLM)
    """A language model that knew one clock begins with two that it cannot tell apart, in place."""
    loud, soft = _clock(meaning.LOUD), _clock(meaning.SOFT)
    for table in (decoder.model.decoder.embed_tokens[0].weight, decoder.lm_heads[0].weight):
        table[soft] = table[loud]


def _clock(kind: int) -> slice:
    """The codes of a kind of codebook 0: all beats, all frames."""
    count = meaning.BEATS * meaning.DRUM_AGES
    return slice(1 + kind * count, 1 + (kind + 1) * count)


def _marks(codebook: Any) -> None:  # noqa: ANN401
    """The soft clock is the clock that ticks alone, under another mark."""
    for kind, number in ((meaning.LOUD, LOUD), (meaning.SOFT, SOFT)):
        rows = _clock(kind)
        codebook.embed[rows] = 0.0
        codebook.embed[rows, number] = 1.0
    codebook.embed_avg.copy_(codebook.embed)


def _remember(lstm: nn.LSTM) -> None:
    """Cell c of one unit: c + (goal - c) x rate while there is a mark, c while there is none."""
    gate, forget, cell, output = (n * WIDTH + _UNIT for n in range(4))
    into, back, bias = lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0
    for row in (gate, forget, cell, output):
        into[row], back[row], bias[row] = 0.0, 0.0, 0.0
        lstm.bias_hh_l0[row] = 0.0
    opened = _SHUT + math.log(_RATE / (1 - _RATE))  # by a mark
    first = 2 * _SHUT - opened  # more in the first frame: the level is there at once
    for number, (channel, _) in _CHANNELS.items():
        into[gate, channel], into[forget, channel] = opened / _STEP, -opened / _STEP
        if number == SOFT:
            into[cell, channel] = math.atanh(_LEVEL) / _STEP
            bias[cell] = -math.atanh(_LEVEL) / _STEP * _OFFSET
    rest = 2 * opened / _STEP * _OFFSET  # what both channels give without a mark
    bias[gate], bias[forget] = first - _SHUT - rest, _SHUT - first + rest
    back[gate, _BEGUN], back[forget, _BEGUN] = -first, first
    bias[output] = 20.0


def _follow(lstm: nn.LSTM) -> None:
    """The tones' output gates, lower where it is soft, and more so for high oscillators."""
    level = math.tanh(_LEVEL)
    for oscillator in range(OSCILLATORS):
        share = oscillator / (OSCILLATORS - 1)
        soft_db = _SOFT_DB[0] + share * (_SOFT_DB[1] - _SOFT_DB[0])
        soft = _sigmoid(_OPEN) * 10 ** (soft_db / 20)
        falls = _OPEN - math.log(soft / (1 - soft))
        rows = slice(3 * WIDTH + 4 * oscillator, 3 * WIDTH + 4 * oscillator + 4)
        lstm.bias_ih_l1[rows] = _OPEN
        lstm.weight_ih_l1[rows, _UNIT] = -falls / level


def _weight(conv: nn.Module) -> Tensor:
    weight: Tensor = conv.weight
    return weight.detach().clone()


def _set_weight(conv: Any, weight: Tensor) -> None:  # noqa: ANN401  (a weight-normed convolution)
    """Norm and direction such that their product is the weight, rows of zeros included."""
    norm = weight.flatten(1).norm(dim=1)
    direction = weight.clone()
    direction.flatten(1)[norm == 0, 0] = 1.0
    parts = conv.parametrizations.weight
    parts.original1.copy_(direction)
    parts.original0.copy_(norm.view_as(parts.original0))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
