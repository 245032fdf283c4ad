"""EnCodec's encoder as two graphs, cut before the LSTM: windows go through the first, a whole clip through
the second.
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from muscgen.backends.base import Samples
from muscgen.backends.hearing import Ear
from muscgen.backends.onnx.codec import conv, lstm, padded, residual_block
from muscgen.backends.onnx.graph import Graph, GraphBuilder
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.layout import HEARING, downsampling, heard_last, heard_lstm, heard_residual

Floats = NDArray[np.float32]


def hidden_graph(checkpoint: Checkpoint) -> Graph:
    """samples [C, T] -> hidden [C, H, ceil(T / hop)]."""
    codec = checkpoint.config.codec
    g = GraphBuilder("hearing_hidden")
    x = g.op("Unsqueeze", g.input("samples", np.float32, ["C", "T"]), g.constant([1], np.int64))
    x = conv(g, checkpoint, padded(g, checkpoint, x, codec.kernel - 1), f"{HEARING}.0.conv")
    for stage, ratio in enumerate(reversed(codec.ratios)):
        for j in range(codec.residual_layers):
            x = residual_block(g, checkpoint, x, heard_residual(codec, stage, j), codec.dilation_growth**j)
        x = _downsample(g, checkpoint, g.op("Elu", x), downsampling(codec, stage), ratio)
    g.output(x, "hidden", np.float32, ["C", codec.lstm_width, "F"])
    return g.build()


def vectors_graph(checkpoint: Checkpoint) -> Graph:
    """hidden [C, H, F] -> vectors [C, W, F]."""
    codec = checkpoint.config.codec
    g = GraphBuilder("hearing_vectors")
    frames = y = g.op(
        "Transpose", g.input("hidden", np.float32, ["C", codec.lstm_width, "F"]), perm=[2, 0, 1]
    )
    for n in range(codec.lstm_layers):
        y, _, _ = lstm(g, checkpoint, heard_lstm(codec), n, y, "", "")
    x = g.op("Elu", g.op("Transpose", g.op("Add", y, frames), perm=[1, 2, 0]))
    x = conv(g, checkpoint, padded(g, checkpoint, x, codec.last_kernel - 1), heard_last(codec))
    g.output(x, "vectors", np.float32, ["C", codec.width, "F"])
    return g.build()


def ear(checkpoint: Checkpoint, hidden: ort.InferenceSession, vectors: ort.InferenceSession) -> Ear:
    """The encoder over the sessions of both graphs."""
    decoder = checkpoint.config.decoder
    tables = [
        checkpoint.tensor(f"audio_encoder.quantizer.layers.{k}.codebook.embed")
        for k in range(decoder.codebooks // decoder.channels)
    ]

    def run_hidden(samples: Samples) -> Floats:
        made: Floats = hidden.run(["hidden"], {"samples": samples})[0]
        return made

    def run_vectors(frames: Floats) -> Floats:
        made: Floats = vectors.run(["vectors"], {"hidden": frames})[0]
        return made

    return Ear(run_hidden, run_vectors, tables)


def _downsample(g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str, ratio: int) -> str:
    """A convolution of stride `ratio`; at the right as much more is mirrored as fills up the last stride."""
    length = g.op("Shape", x, start=2, end=3)
    step = g.constant([ratio], np.int64)
    over = g.op("Mod", length, step)
    missing = g.op("Mod", g.op("Sub", step, over), step)
    left, right = ratio - ratio // 2, ratio // 2
    before = g.constant([0, 0, left, 0, 0], np.int64)
    after = g.op("Add", missing, g.constant([right], np.int64))
    wider = g.op("Pad", x, g.op("Concat", before, after, axis=0), mode=checkpoint.config.codec.pad_mode)
    return conv(g, checkpoint, wider, name, stride=ratio)
