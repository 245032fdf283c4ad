"""The language model: one step of the slab's first rows. Nothing here waits for the device."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from muscgen.backends.tables import sinusoids
from muscgen.backends.torch.slab import Extent, Fed, Slab, slab_positions
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
        x = self._embed(slab.tokens[:rows], positions, slab.prefix[:rows], slab.leads[:rows])
        heard = self._mask(positions + 1, extent.positions)[:, None, None]
        text = self._mask(slab.text_lengths[:rows], extent.text_tokens)[:, None, None]
        x = self._through(x, slab, slice(rows), (self._indices[:rows], positions), heard, text)
        logits = F.linear(self._norm(x), self._heads)
        slab.logits[:rows] = logits.view(rows, self._decoder.codebooks, self._decoder.vocabulary)

    def feed(self, slab: Slab, fed: Fed) -> None:
        """Several tokens of one row: each hears those before it."""
        row, extent = slice(fed.row, fed.row + 1), fed.extent
        x = self._embed(fed.tokens, fed.positions, fed.prefix, fed.leads)
        heard = self._mask(fed.positions + 1, extent.positions)[None, None]
        text = self._mask(slab.text_lengths[row].expand(len(x)), extent.text_tokens)[None, None]
        self._through(x, slab, row, (torch.full_like(fed.positions, fed.row), fed.positions), heard, text)

    def _embed(
        self, tokens: torch.Tensor, positions: torch.Tensor, prefix: torch.Tensor, leads: torch.Tensor
    ) -> torch.Tensor:
        x = self._embedding[tokens + self._first_tokens].sum(1)
        if not self._reads:
            x = torch.where(leads, prefix, x)
        return x + self._places[positions]

    def _through(
        self,
        x: torch.Tensor,
        slab: Slab,
        rows: slice,
        at: tuple[torch.Tensor, torch.Tensor],
        heard: torch.Tensor,
        text: torch.Tensor,
    ) -> torch.Tensor:
        """x [N, H] of `rows` through all layers; at: row and position [N]; masks [R, 1, N / R, T]."""
        for n, layer in enumerate(self._layers):
            x = layer.listen(x, slab.keys[n], slab.values[n], rows, at, heard)
            if self._reads:
                x = layer.read(x, slab.text_keys[n][rows], slab.text_values[n][rows], text)
            x = layer.think(x)
        return x

    def _mask(self, lengths: torch.Tensor, longest: int) -> torch.Tensor:
        """lengths [N] -> what each query may look at, [N, longest]."""
        return self._indices[:longest] < lengths[:, None]


class _Norm:
    def __init__(self, weights: Weights, name: str) -> None:
        self._weight, self._bias = weights(f"{name}.weight"), weights(f"{name}.bias")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self._weight, self._bias)


class _Layer:
    """x is [N, H] throughout, of R rows; keys and values are [rows, heads, T, head width]."""

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
        rows: slice,
        at: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Self-attention over what each of `rows` holds, its own new positions included."""
        query, key, value = (
            self._split(part) for part in F.linear(self._norm(x), self._qkv).chunk(3, dim=-1)
        )
        row, positions = at
        keys[row, :, positions], values[row, :, positions] = key, value
        return x + F.linear(self._attend(query, keys[rows], values[rows], mask), self._out)

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
        """[N, H] -> [N, heads, head width]"""
        return x.view(len(x), self._decoder.heads, self._decoder.head_width)

    def _attend(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """query [N, heads, head width] over keys and values of R rows -> [N, H]."""
        rows, _, queries, longest = mask.shape
        query = query.view(rows, queries, *query.shape[1:]).transpose(1, 2)
        seen = F.scaled_dot_product_attention(
            query, keys[:, :, :longest], values[:, :, :longest], attn_mask=mask
        )
        return seen.transpose(1, 2).reshape(rows * queries, self._decoder.width)
