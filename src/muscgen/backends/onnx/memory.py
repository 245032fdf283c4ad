"""In what numbers self-attention remembers: float32, or 8 bits a number.

With 16 rows and five seconds of music behind them, reading float32 keys and values takes longer than all
products with weights. In 8 bits every channel has a step of its own, known before a song begins: what enters
the layer is normalised, so a channel is normal around its mean, with the spread that the weights give it.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from muscgen.backends.onnx.graph import GraphBuilder
from muscgen.backends.onnx.proto import Attribute
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.layout import DECODER

KvPrecision = Literal["fp32", "int8"]
Floats = NDArray[np.float32]

_SPREADS = 6.0  # numbers further from their mean than this are cut off
_LARGEST = 127


def kv_dtype(precision: KvPrecision) -> DTypeLike:
    return np.float32 if precision == "fp32" else np.int8


class Memory:
    """How GroupQueryAttention is told of the slab's numbers."""

    def __init__(self, checkpoint: Checkpoint, precision: KvPrecision) -> None:
        self._checkpoint, self._precision = checkpoint, precision
        self.dtype = kv_dtype(precision)

    def attributes(self) -> dict[str, Attribute]:
        if self._precision == "fp32":
            return {}
        return {"k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL", "kv_cache_bit_width": 8}

    def inputs(self, g: GraphBuilder, n: int) -> list[str]:
        """What follows the operator's seventh input: the steps of the keys and of the values of layer n."""
        if self._precision == "fp32":
            return []
        decoder = self._checkpoint.config.decoder
        shape = 1, decoder.heads, 1, decoder.head_width
        name = f"{DECODER}.layers.{n}"
        steps = [
            g.weight(f"{name}.self_attn.{part}.step", shape, partial(self._steps, name, part, shape))
            for part in "kv"
        ]
        return [""] * 5 + steps

    def _steps(self, name: str, part: str, shape: tuple[int, ...]) -> Floats:
        weight = self._checkpoint.tensor(f"{name}.self_attn.{part}_proj.weight")
        gain, bias = (
            self._checkpoint.tensor(f"{name}.self_attn_layer_norm.{which}") for which in ("weight", "bias")
        )
        spread = np.sqrt(np.square(weight * gain).sum(axis=1))
        largest = np.abs(weight @ bias) + _SPREADS * spread
        return np.asarray(np.maximum(largest / _LARGEST, 1e-30), np.float32).reshape(shape)
