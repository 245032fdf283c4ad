"""The text encoder: T5 and the projection in float32, then each decoder layer's cross-attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from muscgen.backends.prefix import Words
from muscgen.backends.tables import relative_buckets
from muscgen.backends.torch.weights import Weights
from muscgen.models.config import ModelConfig
from muscgen.models.layout import DECODER, TEXT, has_projection

_FULL = torch.float32


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """An encoded prompt: cross-attention keys and values [layers, 2, heads, L, head width]."""

    cross: torch.Tensor

    @property
    def tokens(self) -> int:
        return self.cross.shape[3]

    @property
    def nbytes(self) -> int:
        return self.cross.nbytes


def null_text(config: ModelConfig, device: torch.device, dtype: torch.dtype) -> Text:
    """One token whose keys and values are zeros: attending to it gives exactly zero, as guidance wants it."""
    decoder = config.decoder
    shape = decoder.layers, 2, decoder.heads, 1, decoder.head_width
    return Text(torch.zeros(shape, device=device, dtype=dtype))


class Encoder:
    """Token ids to the states that cross-attention looks at, and to their keys and values.

    To the states alone, as Words, for a melody model.
    """

    def __init__(self, weights: Weights) -> None:
        config = weights.config
        self._config, self._device = config, weights.device
        self._embedding = weights("text_encoder.shared.weight", _FULL)
        bias = f"{TEXT}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        self._bias = weights(bias, _FULL)
        self._blocks = [_Block(weights, n) for n in range(config.text.layers)]
        self._norm = weights(f"{TEXT}.final_layer_norm.weight", _FULL)
        self._projection: tuple[torch.Tensor, torch.Tensor] | None = None
        if has_projection(config):
            self._projection = (
                weights("enc_to_dec_proj.weight", _FULL),
                weights("enc_to_dec_proj.bias", _FULL),
            )
        self._cross: list[torch.Tensor] = []
        if config.melody is not None:
            return
        attentions = [f"{DECODER}.layers.{n}.encoder_attn" for n in range(config.decoder.layers)]
        # In the language model's dtype: for large they are as big as all of T5 in float32.
        self._cross = [weights(f"{name}.{part}_proj.weight") for name in attentions for part in "kv"]

    def states(self, ids: list[int]) -> torch.Tensor:
        """[L, H], float32."""
        text = self._config.text
        buckets = torch.from_numpy(relative_buckets(len(ids), text)).to(self._device)
        bias = self._bias[buckets].permute(2, 0, 1)  # [heads, L, L]
        x = self._embedding[torch.tensor(ids, device=self._device)]
        for block in self._blocks:
            x = block(x, bias)
        x = _rms_norm(x, self._norm, text.epsilon)
        return x if self._projection is None else F.linear(x, *self._projection)

    def __call__(self, ids: list[int]) -> Text | Words:
        decoder = self._config.decoder
        states = self.states(ids)
        if self._config.melody is not None:
            return Words(states.cpu().numpy())
        parts = [F.linear(states.to(weight.dtype), weight) for weight in self._cross]  # [L, H] each
        cross = torch.stack(parts).view(decoder.layers, 2, len(ids), decoder.heads, decoder.head_width)
        return Text(cross.transpose(2, 3).contiguous())


class _Block:
    def __init__(self, weights: Weights, n: int) -> None:
        name, self._text = f"{TEXT}.block.{n}.layer", weights.config.text
        self._norms = [weights(f"{name}.{part}.layer_norm.weight", _FULL) for part in (0, 1)]
        self._q, self._k, self._v, self._o = (
            weights(f"{name}.0.SelfAttention.{part}.weight", _FULL) for part in "qkvo"
        )
        self._up = weights(f"{name}.1.DenseReluDense.wi.weight", _FULL)
        self._down = weights(f"{name}.1.DenseReluDense.wo.weight", _FULL)

    def __call__(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        epsilon = self._text.epsilon
        x = x + self._attend(_rms_norm(x, self._norms[0], epsilon), bias)
        y = F.relu(F.linear(_rms_norm(x, self._norms[1], epsilon), self._up))
        return x + F.linear(y, self._down)

    def _attend(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """T5's attention does not divide by the root of the head's width."""
        q, k, v = (
            F.linear(x, weight).view(len(x), self._text.heads, self._text.head_width).transpose(0, 1)
            for weight in (self._q, self._k, self._v)
        )
        chances = torch.softmax(q @ k.transpose(1, 2) + bias, dim=-1)
        return F.linear((chances @ v).transpose(0, 1).reshape(len(x), -1), self._o)


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    return x / torch.sqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight
