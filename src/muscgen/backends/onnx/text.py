"""The text encoder's graph: T5, the projection, and every decoder layer's cross-attention keys and values.

Keys and values of a text never change, so they are computed here, once a text, and not in the step.
"""

from __future__ import annotations

import numpy as np

from muscgen.backends.onnx.graph import Graph, GraphBuilder
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.layout import DECODER, TEXT, has_projection


def text_graph(checkpoint: Checkpoint) -> Graph:
    """ids int64 [L], buckets int64 [L, L] -> states [L, H], cross [layers, 2, heads, L, head width].

    A melody model has the states alone.
    """
    decoder = checkpoint.config.decoder
    g = GraphBuilder("text")
    ids, buckets = g.input("ids", np.int64, ["L"]), g.input("buckets", np.int64, ["L", "L"])
    states = _t5(g, checkpoint, ids, buckets)
    if has_projection(checkpoint.config):
        states = _linear(g, checkpoint, states, "enc_to_dec_proj.weight")
        states = g.op("Add", states, _plain(g, checkpoint, "enc_to_dec_proj.bias"))
    g.output(states, "states", np.float32, ["L", decoder.width])
    if checkpoint.config.melody is not None:
        return g.build()
    cross = g.op("Concat", *(_cross(g, checkpoint, states, n) for n in range(decoder.layers)), axis=0)
    g.output(cross, "cross", np.float32, [decoder.layers, 2, decoder.heads, "L", decoder.head_width])
    return g.build()


def _t5(g: GraphBuilder, checkpoint: Checkpoint, ids: str, buckets: str) -> str:
    text = checkpoint.config.text
    x = g.op("Gather", _plain(g, checkpoint, "text_encoder.shared.weight"), ids)
    table = _plain(g, checkpoint, f"{TEXT}.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
    bias = g.op("Transpose", g.op("Gather", table, buckets), perm=[2, 0, 1])  # [heads, L, L]
    for block in (f"{TEXT}.block.{n}.layer" for n in range(text.layers)):
        y = _rms_norm(g, checkpoint, x, f"{block}.0.layer_norm.weight")
        x = g.op("Add", x, _attention(g, checkpoint, y, f"{block}.0.SelfAttention", bias))
        y = _rms_norm(g, checkpoint, x, f"{block}.1.layer_norm.weight")
        y = g.op("Relu", _linear(g, checkpoint, y, f"{block}.1.DenseReluDense.wi.weight"))
        x = g.op("Add", x, _linear(g, checkpoint, y, f"{block}.1.DenseReluDense.wo.weight"))
    return _rms_norm(g, checkpoint, x, f"{TEXT}.final_layer_norm.weight")


def _attention(g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str, bias: str) -> str:
    """T5's attention does not divide by the root of the head's width."""
    text = checkpoint.config.text
    heads = g.constant([0, text.heads, text.head_width], np.int64)

    def part(letter: str, perm: list[int]) -> str:
        y = g.op("Reshape", _linear(g, checkpoint, x, f"{name}.{letter}.weight"), heads)
        return g.op("Transpose", y, perm=perm)

    scores = g.op("MatMul", part("q", [1, 0, 2]), part("k", [1, 2, 0]))
    chances = g.op("Softmax", g.op("Add", scores, bias), axis=-1)
    y = g.op("Transpose", g.op("MatMul", chances, part("v", [1, 0, 2])), perm=[1, 0, 2])
    y = g.op("Reshape", y, g.constant([0, text.heads * text.head_width], np.int64))
    return _linear(g, checkpoint, y, f"{name}.o.weight")


def _cross(g: GraphBuilder, checkpoint: Checkpoint, states: str, n: int) -> str:
    """Keys and values of decoder layer n, [1, 2, heads, L, head width]."""
    decoder = checkpoint.config.decoder
    parts = []
    for letter in "kv":
        y = _linear(g, checkpoint, states, f"{DECODER}.layers.{n}.encoder_attn.{letter}_proj.weight")
        y = g.op("Reshape", y, g.constant([1, 1, -1, decoder.heads, decoder.head_width], np.int64))
        parts.append(g.op("Transpose", y, perm=[0, 1, 3, 2, 4]))
    return g.op("Concat", *parts, axis=1)


def _rms_norm(g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str) -> str:
    square = g.op("ReduceMean", g.op("Mul", x, x), g.constant([-1], np.int64), keepdims=1)
    root = g.op("Sqrt", g.op("Add", square, g.constant(checkpoint.config.text.epsilon, np.float32)))
    return g.op("Mul", g.op("Div", x, root), _plain(g, checkpoint, name))


def _linear(g: GraphBuilder, checkpoint: Checkpoint, x: str, name: str) -> str:
    return g.linear(x, name, checkpoint.shape(name), lambda: checkpoint.tensor(name))


def _plain(g: GraphBuilder, checkpoint: Checkpoint, name: str) -> str:
    return g.weight(name, checkpoint.shape(name), lambda: checkpoint.tensor(name))
