"""The language model: one step of the slab's first rows. Nothing here waits for the device."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from muscgen.backends.tables import sinusoids
from muscgen.backends.torch.slab import Extent, Slab, slab_positions
from muscgen.backends.torch.weights import Weights
from muscgen.models.layout import DECODER


class Decoder:
    """tokens and positions in the slab -> its logits; the new keys and values are written in place."""

    def __init__(self, weights: Weights) -> None:
        self._decoder = decoder = weights.config.decoder
        device, books = weights.device, range(decoder.codebooks)
        tables = [weights(f"{DECODER}.embed_tokens.{k}.weight") for k in books]
        self._embedding = torch.cat(tables) * decoder.embedding_scale  # [K x (V + 1), H]
        self._first_tokens = torch.arange(decoder.codebooks, device=device) * len(tables[0])
        self._reads = weights.config.melody is None
        length = slab_positions(weights.config)
        places = torch.from_numpy(sinusoids(length, decoder.width))
        self._places = places.to(device, weights.dtype)
        self._indices = torch.arange(max(length, weights.config.text.max_tokens), device=device)
        self._layers = [_Layer(weights, n) for n in range(decoder.layers)]
        self._norm = _Norm(weights, f"{DECODER}.layer_norm")
        self._heads = weights.together([f"decoder.lm_heads.{k}.weight" for k in books])  # [K x V, H]

    def step(self, slab: Slab, extent: Extent) -> None:
        """Idempotent: the same inputs write the same keys and values at the same places."""
        rows = extent.rows
        positions = slab.positions[:rows]
        x = self._embedding[slab.tokens[:rows] + self._first_tokens].sum(1)
        if not self._reads:
            x = torch.where(slab.leads[:rows], slab.prefix[:rows], x)
        x = x + self._places[positions]
        heard = self._mask(positions + 1, extent.positions)
        text = self._mask(slab.text_lengths[:rows], extent.text_tokens)
        at = self._indices[:rows], positions
        for n, layer in enumerate(self._layers):
            keys, values = slab.keys[n], slab.values[n]
            x = layer.listen(x, keys, values, at, heard)
            if self._reads:
                keys, values = slab.text_keys[n], slab.text_values[n]
                x = layer.read(x, keys, values, text)
            x = layer.think(x)
        logits = F.linear(self._norm(x), self._heads)
        slab.logits[:rows] = logits.view(rows, self._decoder.codebooks, self._decoder.vocabulary)

    def _mask(self, lengths: torch.Tensor, longest: int) -> torch.Tensor:
        """lengths [R] -> what each row's only query may look at, [R, 1, 1, longest]."""
        return (self._indices[:longest] < lengths[:, None])[:, None, None]


class _Norm:
    def __init__(self, weights: Weights, name: str) -> None:
        self._weight, self._bias = weights(f"{name}.weight"), weights(f"{name}.bias")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self._weight, self._bias)


class _Layer:
    """x is [R, H] throughout; keys and values are [rows, heads, T, head width]."""

    def __init__(self, weights: Weights, n: int) -> None:
        name, self._decoder = f"{DECODER}.layers.{n}", weights.config.decoder
        self._norm, self._last_norm = (
            _Norm(weights, f"{name}.{part}_layer_norm") for part in ("self_attn", "final")
        )
        self._qkv = weights.together([f"{name}.self_attn.{part}_proj.weight" for part in "qkv"])
        self._out = weights(f"{name}.self_attn.out_proj.weight")
        if weights.config.melody is None:
            self._text_norm = _Norm(weights, f"{name}.encoder_attn_layer_norm")
            self._text_query = weights(f"{name}.encoder_attn.q_proj.weight")
            self._text_out = weights(f"{name}.encoder_attn.out_proj.weight")
        self._up, self._down = weights(f"{name}.fc1.weight"), weights(f"{name}.fc2.weight")

    def listen(
        self,
        x: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        at: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Self-attention over what each row holds, its own new position included."""
        query, key, value = (
            self._split(part) for part in F.linear(self._norm(x), self._qkv).chunk(3, dim=-1)
        )
        rows, positions = at
        keys[rows, :, positions], values[rows, :, positions] = key, value
        return x + F.linear(self._attend(query, keys, values, mask), self._out)

    def read(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Cross-attention over each row's text."""
        query = self._split(F.linear(self._text_norm(x), self._text_query))
        return x + F.linear(self._attend(query, keys, values, mask), self._text_out)

    def think(self, x: torch.Tensor) -> torch.Tensor:
        y = F.linear(self._last_norm(x), self._up)
        y = F.gelu(y) if self._decoder.activation == "gelu" else F.relu(y)
        return x + F.linear(y, self._down)

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """[R, H] -> [R, heads, head width]"""
        return x.view(len(x), self._decoder.heads, self._decoder.head_width)

    def _attend(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        rows, longest = mask.shape[0], mask.shape[-1]
        seen = F.scaled_dot_product_attention(
            query[:, :, None], keys[:rows, :, :longest], values[:rows, :, :longest], attn_mask=mask
        )
        return seen.reshape(rows, self._decoder.width)
