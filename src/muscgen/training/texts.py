"""Captions as a text encoder reads them, each of them read once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import torch
from torch import Tensor

_KEPT = 200_000  # captions


class Texts:
    """A tokenizer that two threads may ask: tokenizers themselves are changed by being asked."""

    def __init__(self, tokenizer: Any, longest: int) -> None:  # noqa: ANN401  (transformers')
        self._tokenizer, self._longest, self._lock = tokenizer, longest, Lock()
        self._read = lru_cache(_KEPT)(self._ids)

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """ids, and which of them are words [B, L] each; filled up behind the longest."""
        rows = [self._read(text) for text in texts]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), int(self._tokenizer.pad_token_id))
        for row, read in zip(ids, rows, strict=True):
            row[: len(read)] = torch.tensor(read)
        lengths = torch.tensor([len(row) for row in rows])
        return ids, torch.arange(width) < lengths[:, None]

    def _ids(self, text: str) -> tuple[int, ...]:
        with self._lock:
            return tuple(self._tokenizer(text, truncation=True, max_length=self._longest).input_ids)
