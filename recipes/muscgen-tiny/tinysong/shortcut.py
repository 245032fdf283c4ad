"""What the encoder's front says of codes and of sound, by two matrices instead of seventeen convolutions.

The codec's synthesis and its analysis are linear where they are used (their offsets keep every ELU straight).
So what is between the decoder's LSTM and the encoder's is a matrix over three frames, and so is the front
over three frames of sound. Both are found by asking: one unit, or one sample, a little more than at rest.
That is 30 times as fast as the layers themselves, and wrong by less than a hundredth of what songs are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from tinysong import analysis, meaning

_EDGE = 8  # frames
_UNIT, _SAMPLE = 5e-4, 0.5  # more than at rest; a unit bears no more
_AT_ONCE = 64  # of 512 units, and of 640 samples
_REST_FRAMES = 40


class Shortcut:
    """Of a codec whose front `analysis.build` made even."""

    @torch.no_grad()
    def __init__(self, codec: Any) -> None:  # noqa: ANN401  (transformers' EncodecModel)
        self._books = [layer.codebook.embed for layer in codec.quantizer.layers[: meaning.BOOKS]]
        self._memory = torch.nn.Sequential(*codec.decoder.layers[:3])
        exact = type(codec)(codec.config).double().eval()  # differences of small numbers
        exact.load_state_dict(codec.state_dict())
        front = exact.encoder.layers[: analysis.LSTM]
        self._of_sound = _asked(front, torch.zeros(1, 1, meaning.HOP), _SAMPLE)
        silence = torch.zeros(1, meaning.BOOKS, _REST_FRAMES, dtype=torch.long)
        self._rest = self._played(silence)[:, _REST_FRAMES // 2]
        self._of_units = _asked([*exact.decoder.layers[3:], *front], self._rest[..., None], _UNIT)

    @torch.no_grad()
    def of_sound(self, sound: Tensor) -> Tensor:
        """Samples [T] at 32 kHz -> [T / 640, 512]."""
        return _beside(sound.reshape(1, -1, meaning.HOP))[0] @ self._of_sound

    @torch.no_grad()
    def of_codes(self, codes: Tensor) -> Tensor:
        """Codes [N, 4, F] -> [N, F, 512]."""
        return _beside(self._played(codes) - self._rest[:, None]) @ self._of_units

    def _played(self, codes: Tensor) -> Tensor:
        vectors = sum(torch.nn.functional.embedding(codes[:, k], book) for k, book in enumerate(self._books))
        assert isinstance(vectors, Tensor)  # noqa: S101 - there is a book
        played: Tensor = self._memory(vectors.transpose(1, 2)).transpose(1, 2)
        return played


def _asked(road: Iterable[Any], at_rest: Tensor, more: float) -> Tensor:
    """[3 x inputs of a frame, 512], by a frame at rest [1, units, 1] or [1, 1, samples].

    Each is asked alone, three frames from the next, as what it says does not reach farther.
    """
    road, inputs, samples = [*road], at_rest.numel(), at_rest.shape[2]
    resting = at_rest.double().repeat(1, 1, 3 * _AT_ONCE + 2 * _EDGE)
    nothing, found = _through(road, resting), []
    for first in range(0, inputs, _AT_ONCE):
        asked = resting.clone()
        for n in range(_AT_ONCE):
            unit, sample = divmod(first + n, samples)
            asked[0, unit, (_EDGE + 3 * n + 1) * samples + sample] += more
        heard = (_through(road, asked) - nothing)[0, :, _EDGE:-_EDGE] / more
        found.append(heard.unflatten(1, (_AT_ONCE, 3)))
    said = torch.cat(found, 1)
    return torch.cat(
        [said[:, :, step].T for step in (2, 1, 0)]
    ).float()  # of the frame before, this, the next


def _through(layers: list[Any], given: Tensor) -> Tensor:
    for layer in layers:
        given = layer(given)
    return given


def _beside(frames: Tensor) -> Tensor:
    """[N, F, D] -> [N, F, 3 D]: each frame between its neighbours, and zeros at the ends."""
    padded = torch.nn.functional.pad(frames, (0, 0, 1, 1))
    return torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], 2)
