"""The running average of the weights that learn: steadier than the last of them, and kept as the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_SOON = (
    10  # the first steps are averaged over few: of step n, at most (1 + n) / (10 + n) is kept (TensorFlow's)
)


class Average:
    """kept: the share that stays at each step; 0 makes none, and the weights are what they are."""

    def __init__(self, weights: Mapping[str, nn.Parameter], kept: float) -> None:
        self._weights, self._kept = weights, kept
        self.values: dict[str, Tensor] = {}
        if kept:
            self.values = {name: weight.detach().clone() for name, weight in weights.items()}

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """After a step, counted from 0."""
        if self.values:
            kept = min(self._kept, (1 + step) / (_SOON + step))
            weights: list[Tensor] = [self._weights[name] for name in self.values]
            torch._foreach_lerp_(list(self.values.values()), weights, 1 - kept)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """The weights are their average meanwhile."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        """By copies: some modules on a GPU want their weights to stay where they lie."""
        for name, value in self.values.items():
            last = self._weights[name].clone()
            self._weights[name].copy_(value)
            value.copy_(last)
