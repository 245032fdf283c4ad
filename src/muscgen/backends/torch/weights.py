"""A checkpoint's tensors on a device."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from muscgen.models.checkpoint import Checkpoint


class Weights:
    """Reads tensors one by one, so that loading holds the weights once and one tensor more."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.config = checkpoint.config
        self.device, self.dtype = device, dtype
        self._checkpoint = checkpoint

    def __call__(self, name: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The tensor in the weights' own dtype, or in the one asked for."""
        return torch.tensor(self._checkpoint.tensor(name)).to(self.device, dtype or self.dtype)

    def together(self, names: Sequence[str]) -> torch.Tensor:
        """The tensors one after the other, along their first axis."""
        return torch.cat([self(name) for name in names])
