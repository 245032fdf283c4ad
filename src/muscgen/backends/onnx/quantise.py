"""Linear layers in 8 bits, row by row.

Each row of activations is scaled by its own largest magnitude, so that a row's numbers do not depend on its
neighbours (per-tensor scales do), and each output channel of the weights by its own. Integer products are
exact, so neither the batch nor the kernel changes a bit. With VNNI the weights are signed; without it u8 x s8
sums saturate in 16 bits (vpmaddubsw), and the weights are unsigned around 128.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.onnx.graph import MICROSOFT, GraphBuilder

Floats = NDArray[np.float32]

_LARGEST = 127
_ZERO = 128  # of unsigned values
_SMALLEST_SCALE = 1e-30  # a channel of zeros must not divide by zero


class Linear(Protocol):
    """Writes x [R, K] times the weight [N, K] = `shape` into a graph and names the result [R, N]."""

    def __call__(
        self, g: GraphBuilder, x: str, name: str, shape: Sequence[int], make: Callable[[], Floats]
    ) -> str: ...


def full_linear(g: GraphBuilder, x: str, name: str, shape: Sequence[int], make: Callable[[], Floats]) -> str:
    """A Linear in float32."""
    return g.linear(x, name, shape, make)


class RowwiseLinear:
    """A Linear in 8 bits, for one graph: its products share the zero points of their rows."""

    def __init__(self, *, signed: bool) -> None:
        self._signed = signed
        self._row_zeros = ""

    def __call__(
        self, g: GraphBuilder, x: str, name: str, shape: Sequence[int], make: Callable[[], Floats]
    ) -> str:
        rows, columns = shape
        dtype = np.int8 if self._signed else np.uint8
        weight = g.weight(f"{name}.int8", (columns, rows), lambda: quantised(make(), self._signed), dtype)
        scale = g.weight(f"{name}.scale", (rows,), lambda: channel_scales(make()))
        steps, row_scale = self._quantise_rows(g, x, columns)
        one, zero = g.constant(1.0, np.float32), g.constant(_ZERO, np.uint8)
        weight_zero = g.constant(0 if self._signed else _ZERO, dtype)
        inputs = steps, weight, one, scale, zero, weight_zero
        return g.op("Mul", g.op("MatMulIntegerToFloat", *inputs, domain=MICROSOFT), row_scale)

    def _quantise_rows(self, g: GraphBuilder, x: str, width: int) -> tuple[str, str]:
        """x [R, K] -> uint8 steps [R, K] around 128, and the size of a row's step [R, 1].

        A row of zeros has steps that mean nothing, and the product of any with its scale, 0, is right.
        """
        largest = g.op("ReduceMax", g.op("Abs", x), g.constant([1], np.int64), keepdims=1)
        scale = g.op("Mul", largest, g.constant(1 / _LARGEST, np.float32))
        if not self._row_zeros:
            self._row_zeros = g.op("Expand", g.constant([[_ZERO]], np.uint8), g.op("Shape", scale))
        return g.op("QuantizeLinear", x, scale, self._row_zeros, axis=1, block_size=width), scale


def channel_scales(weight: Floats) -> Floats:
    """weight [N, K] -> the size of a step of each output channel [N]."""
    largest = np.abs(weight).max(axis=1) / _LARGEST
    return np.asarray(np.maximum(largest, _SMALLEST_SCALE), np.float32)


def quantised(weight: Floats, signed: bool) -> NDArray[np.int8] | NDArray[np.uint8]:
    """weight [N, K] -> its 8-bit steps, transposed [K, N]."""
    steps = np.rint(weight / channel_scales(weight)[:, None]).T
    if signed:
        return np.ascontiguousarray(steps, np.int8)
    return np.ascontiguousarray(steps + _ZERO, np.uint8)
