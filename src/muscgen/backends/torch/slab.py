"""The memory of all rows at addresses that never change, so that captured graphs may read and write it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from muscgen.backends.base import Codes
from muscgen.backends.torch.text import Text
from muscgen.models.config import ModelConfig

SHORTEST = 256  # positions; longer ones double: 256, 512, 1024, 2048
SHORTEST_TEXT = 64  # tokens; few prompts have more


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the slab a step looks at: its rows, and the positions and text tokens of the longest."""

    rows: int
    positions: int
    text_tokens: int


@dataclass(frozen=True, slots=True)
class Fed:
    """Known tokens of a row, on the device."""

    row: int
    tokens: torch.Tensor  # [S, K]
    positions: torch.Tensor  # [S]
    prefix: torch.Tensor  # [S, H]
    leads: torch.Tensor  # [S, 1]
    extent: Extent


class Slab:
    """Keys and values [layers, rows, heads, T, head width], and the static inputs of a step.

    What lies beyond a row's own length is masked, but it must be finite all the same (0 x NaN is NaN): so a
    row that is opened or moved to is cleared of what was there before.
    """

    def __init__(self, config: ModelConfig, rows: int, device: torch.device, dtype: torch.dtype) -> None:
        decoder, self._text_limit = config.decoder, config.text.max_tokens
        self.rows, self._limit = rows, slab_positions(config)

        def slab(length: int) -> torch.Tensor:
            shape = decoder.layers, rows, decoder.heads, length, decoder.head_width
            return torch.zeros(shape, device=device, dtype=dtype)

        self.keys, self.values = slab(self._limit), slab(self._limit)
        text_slab = self._text_limit if config.melody is None else 0
        self.text_keys, self.text_values = slab(text_slab), slab(text_slab)
        self.prefix = torch.zeros((rows, decoder.width), device=device, dtype=dtype)
        self.leads = torch.zeros((rows, 1), device=device, dtype=torch.bool)
        self.tokens = torch.zeros((rows, decoder.codebooks), device=device, dtype=torch.int64)
        self.positions = torch.zeros(rows, device=device, dtype=torch.int64)
        self.text_lengths = torch.ones(rows, device=device, dtype=torch.int64)
        shape = rows, decoder.codebooks, decoder.vocabulary
        self.logits = torch.zeros(shape, device=device, dtype=torch.float32)
        self._written = [0] * rows  # positions that may hold something
        self._text_tokens = [1] * rows

    def clear(self, row: int, start: int = 0) -> None:
        """Zeros from position `start` on."""
        used = slice(start, self._written[row])
        self.keys[:, row, :, used].zero_()
        self.values[:, row, :, used].zero_()
        self._written[row] = start

    def clear_all(self) -> None:
        self.keys.zero_()
        self.values.zero_()

    def put_text(self, row: int, text: Text) -> None:
        if text.cross.is_cuda:
            # Made on another stream: its memory must not be given away before this copy is done.
            text.cross.record_stream(torch.cuda.current_stream(text.cross.device))
        for part, slab in enumerate((self.text_keys, self.text_values)):
            slab[:, row].zero_()
            slab[:, row, :, : text.tokens] = text.cross[:, part]
        self.text_lengths[row] = self._text_tokens[row] = text.tokens

    def move(self, source: int, target: int, length: int) -> None:
        self.clear(target)
        for slab in (self.keys, self.values):
            slab[:, target, :, :length] = slab[:, source, :, :length]
        for slab in (self.text_keys, self.text_values, self.text_lengths[None]):
            slab[:, target] = slab[:, source]
        self._written[target], self._text_tokens[target] = length, self._text_tokens[source]

    def put_prefix(self, prefix: NDArray[np.float32], leads: NDArray[np.bool_]) -> None:
        """Rows 0..R-1 step these vectors [R, H] instead of their tokens where leads [R] is true."""
        self.prefix[: len(prefix)] = torch.from_numpy(prefix)
        self.leads[: len(leads), 0] = torch.from_numpy(leads)

    def put_inputs(self, tokens: Codes, positions: NDArray[np.int32]) -> Extent:
        """Rows 0..R-1 get their tokens [R, K] and positions [R]; what the step has to look at."""
        rows = len(tokens)
        self.tokens[:rows] = torch.from_numpy(tokens.astype(np.int64))
        self.positions[:rows] = torch.from_numpy(positions.astype(np.int64))
        self._written[:rows] = [
            max(pair) for pair in zip(self._written, (positions + 1).tolist(), strict=False)
        ]
        longest, text = int(positions.max()) + 1, max(self._text_tokens[:rows])
        return Extent(
            rows, doubled(SHORTEST, longest, self._limit), doubled(SHORTEST_TEXT, text, self._text_limit)
        )

    def fed(
        self,
        row: int,
        tokens: Codes,
        positions: NDArray[np.int32],
        prefix: NDArray[np.float32] | None,
        leads: NDArray[np.bool_],
    ) -> Fed:
        """The inputs of a chunk, and what it has to look at."""
        self._written[row] = longest = max(self._written[row], int(positions.max()) + 1)
        device = self.prefix.device
        vectors = self.prefix[:0] if prefix is None else torch.from_numpy(prefix).to(self.prefix)
        return Fed(
            row,
            torch.from_numpy(tokens.astype(np.int64)).to(device),
            torch.from_numpy(positions.astype(np.int64)).to(device),
            vectors,
            torch.from_numpy(leads).to(device)[:, None],
            Extent(1, longest, self._text_tokens[row]),
        )


def slab_positions(config: ModelConfig) -> int:
    """T of self-attention: the codes' positions, and what may stand before them."""
    return config.decoder.positions + config.longest_prefix


def doubled(shortest: int, needed: int, limit: int) -> int:
    """`shortest`, doubled until `needed` fits, at most `limit`: few lengths, so few graphs."""
    length = shortest
    while length < needed:
        length *= 2
    return min(length, limit)
