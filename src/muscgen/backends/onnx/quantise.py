"""Linear layers in 8 bits, row by row.

Each row of activations is scaled by its own largest magnitude, so that a row's numbers do not depend on its neighbours
(per-tensor scales do), and each output channel of the weights by its own. Integer products are exact, so neither the
batch nor the kernel changes a bit. With VNNI the weights are signed; without it u8 x s8 sums saturate in 16 bits
(vpmaddubsw), and the weights are unsigned around 128.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.onnx.graph import MICROSOFT, GraphBuilder

Floats = NDArray[np.float32]
Linear = Callable[[GraphBuilder, str, str, Sequence[int], Callable[[], Floats]], str]

_LARGEST = 127
_ZERO = 128  # of unsigned values
_SMALLEST_SCALE = 1e-30  # a row of zeros must not divide by zero


def full_linear(g: GraphBuilder, x: str, name: str, shape: Sequence[int], make: Callable[[], Floats]) -> str:
    """x [R, K] times the weight [N, K] in float32 -> [R, N]."""
    return g.linear(x, name, shape, make)


def rowwise_linear(signed: bool) -> Linear:
    """The same in 8 bits, with signed or unsigned weights."""

    def linear(g: GraphBuilder, x: str, name: str, shape: Sequence[int], make: Callable[[], Floats]) -> str:
        rows, columns = shape
        dtype = np.int8 if signed else np.uint8
        weight = g.weight(f"{name}.int8", (columns, rows), lambda: quantised(make(), signed)[0], dtype)
        scale = g.weight(f"{name}.scale", (rows,), lambda: channel_scales(make()))
        steps, row_scale = _quantise_rows(g, x, columns)
        zeros = g.constant(_ZERO, np.uint8), g.constant(0 if signed else _ZERO, dtype)
        product = g.op(
            "MatMulIntegerToFloat",
            steps,
            weight,
            g.constant(1.0, np.float32),
            scale,
            *zeros,
            domain=MICROSOFT,
        )
        return g.op("Mul", product, row_scale)

    return linear


def _quantise_rows(g: GraphBuilder, x: str, width: int) -> tuple[str, str]:
    """x [R, K] -> uint8 steps [R, K] around 128, and the size of a row's step [R, 1]."""
    largest = g.op("ReduceMax", g.op("Abs", x), g.constant([1], np.int64), keepdims=1)
    scale = g.op("Mul", largest, g.constant(1 / _LARGEST, np.float32))
    scale = g.op("Max", scale, g.constant(_SMALLEST_SCALE, np.float32))
    zero = g.op("Expand", g.constant([[_ZERO]], np.uint8), g.op("Shape", scale))
    return g.op("QuantizeLinear", x, scale, zero, axis=1, block_size=width), scale


def channel_scales(weight: Floats) -> Floats:
    """weight [N, K] -> the size of a step of each output channel [N]."""
    return np.maximum(np.abs(weight).max(axis=1) / _LARGEST, _SMALLEST_SCALE).astype(np.float32)


def quantised(weight: Floats, signed: bool) -> tuple[NDArray[np.int8 | np.uint8], Floats]:
    """weight [N, K] -> its 8-bit steps, transposed [K, N], and the scales [N]."""
    scales = channel_scales(weight)
    steps = np.rint(weight / scales[:, None]).astype(np.int8).T
    return np.ascontiguousarray(
        steps if signed else (steps.astype(np.int16) + _ZERO).astype(np.uint8)
    ), scales
