"""EnCodec's decoder as two graphs, cut where the memory is.

`codec_frames`: codes -> their vectors' sum -> first convolution -> LSTM, whose state goes in and out.
`codec_samples`: ELU, transposed convolutions, residual blocks over a window of frames; no state.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.onnx.graph import Graph, GraphBuilder
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.layout import CODEC, last, residual, upsampling

Floats = NDArray[np.float32]


def frames_graph(checkpoint: Checkpoint, codebooks: int) -> Graph:
    """codes int32 [C, K, F + kernel - 1], h, c [layers, C, H] -> hidden [C, H, F], h, c after the last frame.

    Code `codebook_size` stands for a vector of zeros: the padding of songs shorter than the kernel's reach.
    """
    codec = checkpoint.config.codec
    wide, layers = codec.lstm_width, codec.lstm_layers
    g = GraphBuilder("codec_frames")
    codes = g.input("codes", np.int32, ["C", codebooks, "P"])
    h = g.ops("Split", [g.input("h", np.float32, [layers, "C", wide])], layers, axis=0, num_outputs=layers)
    c = g.ops("Split", [g.input("c", np.float32, [layers, "C", wide])], layers, axis=0, num_outputs=layers)
    x = conv(g, checkpoint, _vectors(g, checkpoint, codes, codebooks), f"{CODEC}.0.conv")
    frames = y = g.op("Transpose", x, perm=[2, 0, 1])  # [F, C, H]
    for n in range(layers):
        y, h[n], c[n] = lstm(g, checkpoint, f"{CODEC}.1.lstm", n, y, h[n], c[n])
    hidden = g.op("Transpose", g.op("Add", y, frames), perm=[1, 2, 0])
    g.output(hidden, "hidden", np.float32, ["C", wide, "F"])
    g.output(g.op("Concat", *h, axis=0), "h_out", np.float32, [layers, "C", wide])
    g.output(g.op("Concat", *c, axis=0), "c_out", np.float32, [layers, "C", wide])
    return g.build()


def samples_graph(checkpoint: Checkpoint) -> Graph:
    """hidden [C, H, F] -> samples [C, F x hop]. Both ends of the window are treated as ends of the song."""
    codec = checkpoint.config.codec
    g = GraphBuilder("codec_samples")
    x = g.input("hidden", np.float32, ["C", codec.lstm_width, "F"])
    for stage, ratio in enumerate(codec.ratios):
        x = _upsample(g, checkpoint, g.op("Elu", x), upsampling(codec, stage), ratio)
        for j in range(codec.residual_layers):
            x = residual_block(g, checkpoint, x, residual(codec, stage, j), codec.dilation_growth**j)
    x = padded(g, checkpoint, g.op("Elu", x), codec.last_kernel - 1)
    x = g.op("Squeeze", conv(g, checkpoint, x, last(codec)), g.constant([1], np.int64))
    g.output(x, "samples", np.float32, ["C", "T"])
    return g.build()


def _vectors(g: GraphBuilder, checkpoint: Checkpoint, codes: str, codebooks: int) -> str:
    """codes [C, K, P] -> the sum of their vectors [C, width, P]."""
    total = ""
    for k in range(codebooks):
        name = f"audio_encoder.quantizer.layers.{k}.codebook.embed"
        size, width = checkpoint.shape(name)
        table = g.weight(f"{name}.padded", (size + 1, width), partial(_with_zero_row, checkpoint, name))
        vector = g.op("Gather", table, g.op("Gather", codes, g.constant(k, np.int64), axis=1))
        total = g.op("Add", total, vector) if total else vector
    return g.op("Transpose", total, perm=[0, 2, 1])


def _with_zero_row(checkpoint: Checkpoint, name: str) -> Floats:
    return np.pad(checkpoint.tensor(name), ((0, 1), (0, 0)))


def lstm(
    g: GraphBuilder, checkpoint: Checkpoint, name: str, n: int, x: str, h: str, c: str
) -> tuple[str, str, str]:
    """Layer n: x [F, C, H], h and c [1, C, H] (or none: zeros) -> y [F, C, H], h, c."""
    wide = checkpoint.config.codec.lstm_width
    matrix = (1, 4 * wide, wide)
    weights = [
        g.weight(f"{name}.{kind}_l{n}.iofc", matrix, partial(_gates, checkpoint, f"{name}.{kind}_l{n}"))
        for kind in ("weight_ih", "weight_hh")
    ]
    bias = g.weight(f"{name}.bias_l{n}.iofc", (1, 8 * wide), lambda: _biases(checkpoint, name, n))
    y, h, c = g.ops("LSTM", [x, *weights, bias, "", h, c], 3, hidden_size=wide)
    return g.op("Squeeze", y, g.constant([1], np.int64)), h, c


def _gates(checkpoint: Checkpoint, name: str) -> Floats:
    """torch keeps the gates as i f g o, ONNX as i o f g (its c is torch's g): [4H, ...] -> [1, 4H, ...]."""
    i, f, g, o = np.split(checkpoint.tensor(name), 4)
    return np.concatenate([i, o, f, g])[None]


def _biases(checkpoint: Checkpoint, name: str, n: int) -> Floats:
    parts = (_gates(checkpoint, f"{name}.{kind}_l{n}") for kind in ("bias_ih", "bias_hh"))
    return np.concatenate(list(parts), axis=1)


def _upsample(g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str, ratio: int) -> str:
    right = ratio // 2
    return g.op(
        "ConvTranspose", x, *_weights(g, checkpoint, name), strides=[ratio], pads=[ratio - right, right]
    )


def residual_block(g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str, dilation: int) -> str:
    kernel = checkpoint.config.codec.residual_kernel
    y = padded(g, checkpoint, g.op("Elu", x), (kernel - 1) * dilation)
    y = g.op("Elu", conv(g, checkpoint, y, f"{name}.1.conv", dilation=dilation))
    return g.op("Add", x, conv(g, checkpoint, y, f"{name}.3.conv"))


def padded(g: GraphBuilder, checkpoint: Checkpoint, x: str, total: int) -> str:
    """x [C, N, T] with `total` samples more, reflected or zeros, the odd one on the left."""
    pads = g.constant([0, 0, total - total // 2, 0, 0, total // 2], np.int64)
    return g.op("Pad", x, pads, mode=checkpoint.config.codec.pad_mode)


def conv(
    g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str, *, dilation: int = 1, stride: int = 1
) -> str:
    return g.op("Conv", x, *_weights(g, checkpoint, name), dilations=[dilation], strides=[stride])


def _weights(g: GraphBuilder, checkpoint: Checkpoint, name: str) -> tuple[str, str]:
    kernel, bias = f"{name}.weight", f"{name}.bias"
    return (
        g.weight(kernel, checkpoint.shape(kernel), lambda: checkpoint.tensor(kernel)),
        g.weight(bias, checkpoint.shape(bias), lambda: checkpoint.tensor(bias)),
    )
