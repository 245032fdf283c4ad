"""Guidance and draws where the logits are: engine/sampling.py in PyTorch, for the same codes.

Sums are float64 and in the order of the codes, as there; an exponential may differ in its last bit, and with
it, once in many millions of draws, a code.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Knobs, Songs


class Sampler:
    """Remembers the last batch's parameters on the device: they change only when a song comes or goes."""

    def __init__(self, device: torch.device) -> None:
        # Metal has no float64, and a step's logits are few.
        self._device = torch.device("cpu") if device.type == "mps" else device
        self._knobs: Knobs | None = None
        self._placed: _Placed | None = None

    def __call__(
        self, logits: torch.Tensor, songs: Songs, knobs: Knobs, uniforms: NDArray[np.float64]
    ) -> tuple[Codes, NDArray[np.bool_]]:
        """logits [R, K, V] -> codes [S, K], and which songs' logits are finite [S]."""
        if self._placed is None or self._knobs is not knobs:
            self._knobs, self._placed = knobs, _Placed(songs, knobs, self._device)
        drawn, sound = _draw(
            logits.to(self._device), self._placed, torch.from_numpy(uniforms).to(self._device)
        )
        codes: Codes = drawn.to(torch.int32).cpu().numpy()
        return codes, sound.cpu().numpy()


class _Placed:
    """Songs and knobs as tensors."""

    def __init__(self, songs: Songs, knobs: Knobs, device: torch.device) -> None:
        def place(array: NDArray[np.generic]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        self.conditional, self.null = place(songs.conditional), place(songs.null)
        self.guided = place(songs.conditional != songs.null)[:, None, None]
        self.scale, self.temperature = place(knobs.scale), place(knobs.temperature)
        self.top_k = place(knobs.top_k)[:, None, None]
        self.top_p = place(knobs.top_p)[:, None, None]
        self.by_probability = bool((knobs.top_p < 1).any())


def _draw(logits: torch.Tensor, at: _Placed, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    chosen, against = logits[at.conditional], logits[at.null]
    mixed = torch.where(at.guided, against + at.scale * (chosen - against), chosen)
    peak = mixed.amax(-1, keepdim=True)
    sound = peak.isfinite().flatten(1).all(1)
    mixed = torch.where(sound[:, None, None], mixed, torch.zeros_like(mixed))
    peak = torch.where(sound[:, None, None], peak, torch.zeros_like(peak))
    weights = torch.exp((mixed - peak) / at.temperature)
    weights = torch.where(_likeliest(mixed, weights, at), weights, torch.zeros_like(weights))
    reached = weights.double().cumsum(-1)
    target = uniforms[..., None] * reached[..., -1:]
    return (reached > target).to(torch.uint8).argmax(-1), sound


def _likeliest(logits: torch.Tensor, weights: torch.Tensor, at: _Placed) -> torch.Tensor:
    """[S, K, V]: the codes that may be drawn, by top-k, then top-p of what is left; of equals the lower."""
    order = logits.argsort(dim=-1, descending=True, stable=True)
    rank = torch.arange(logits.shape[-1], device=logits.device)
    kept = (rank < at.top_k).expand_as(logits)
    if at.by_probability:
        falling = weights.gather(-1, order).double() * kept
        reached = falling.cumsum(-1)
        before = torch.cat([torch.zeros_like(reached[..., :1]), reached[..., :-1]], -1)
        enough = at.top_p * reached[..., -1:]
        kept = kept & ((before < enough) | (rank == 0) | (at.top_p >= 1))
    return torch.zeros_like(kept).scatter(-1, order, kept)
