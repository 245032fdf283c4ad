"""The language model's graph: one step of every row.

Both attentions are com.microsoft.GroupQueryAttention, whose cost and numbers follow each row's own length. In
self-attention the new key and value are written into the slab in place. In cross-attention the text's last
token plays the new one: it is written over itself. The null text is one token of zeros, whose attention is
exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.onnx.graph import MICROSOFT, Graph, GraphBuilder
from muscgen.backends.onnx.memory import Memory
from muscgen.backends.onnx.quantise import Linear
from muscgen.backends.tables import sinusoids
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import DecoderConfig, ModelConfig
from muscgen.models.layout import DECODER

POSITIONS = "positions"  # the input that a row's own memory ends at
_EPSILON = 1e-5  # of torch's LayerNorm


def step_graph(checkpoint: Checkpoint, linear: Linear, memory: Memory) -> Graph:
    """tokens int32 [R, K], positions int32 [R], text_ends int32 [R] (tokens - 1), last_text [R, 2 layers, H],
    and per layer and attention the slabs [R, heads, T, head width] -> logits [R, K, V], slabs in place.

    A melody model has no cross-attention, and instead of the text's inputs prefix [R, H] and leads bool
    [R, 1]: where that is true the prefix's vector is stepped instead of the tokens.
    """
    return _StepGraph(checkpoint, linear, memory).build()


def slab_positions(config: ModelConfig) -> int:
    """T of self-attention: the codes' positions, and what may stand before them."""
    return config.decoder.positions + config.longest_prefix


def slab_names(attention: str, n: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """(input, output) of the keys and of the values of layer n; attention is `self` or `cross`."""
    key, value = f"{attention}_key_{n}", f"{attention}_value_{n}"
    return (key, f"{key}_out"), (value, f"{value}_out")


class _StepGraph:
    def __init__(self, checkpoint: Checkpoint, linear: Linear, memory: Memory) -> None:
        self.checkpoint, self.linear, self.memory = checkpoint, linear, memory
        self.decoder: DecoderConfig = checkpoint.config.decoder
        self.text_tokens = checkpoint.config.text.max_tokens
        self.reads = checkpoint.config.melody is None
        self.length = slab_positions(checkpoint.config)
        self.g = GraphBuilder("step")

    def build(self) -> Graph:
        g, decoder = self.g, self.decoder
        tokens = g.input("tokens", np.int32, ["N", decoder.codebooks])
        self.positions = g.input(POSITIONS, np.int32, ["N"])
        if self.reads:
            self.text_ends = g.input("text_ends", np.int32, ["B"])
            last = g.input("last_text", np.float32, ["B", 2 * decoder.layers, decoder.width])
            parts = 2 * decoder.layers
            self.last_text = g.ops("Split", [last], parts, axis=1, num_outputs=parts)
        x = self.embed(tokens)
        for n in range(decoder.layers):
            x = self.layer(x, n)
        x = self.norm(x, f"{DECODER}.layer_norm")
        logits = self.project(x, [f"decoder.lm_heads.{k}.weight" for k in range(decoder.codebooks)])
        shape = g.constant([0, decoder.codebooks, decoder.vocabulary], np.int64)
        g.output(
            g.op("Reshape", logits, shape), "logits", np.float32, ["N", decoder.codebooks, decoder.vocabulary]
        )
        return g.build()

    def embed(self, tokens: str) -> str:
        """The sum of the codebooks' vectors and the position's -> [R, H]."""
        g, decoder = self.g, self.decoder
        vectors = []
        for k in range(decoder.codebooks):
            table = self.plain(f"{DECODER}.embed_tokens.{k}.weight")
            vectors.append(g.op("Gather", table, g.op("Gather", tokens, g.constant(k, np.int64), axis=1)))
        x = vectors[0]
        for vector in vectors[1:]:
            x = g.op("Add", x, vector)
        if decoder.embedding_scale != 1:
            x = g.op("Mul", x, g.constant(decoder.embedding_scale, np.float32))
        if not self.reads:
            prefix = g.input("prefix", np.float32, ["N", decoder.width])
            x = g.op("Where", g.input("leads", np.bool_, ["N", 1]), prefix, x)
        shape = self.length, decoder.width
        places = g.weight("positions.table", shape, lambda: sinusoids(*shape))
        return g.op("Add", x, g.op("Gather", places, self.positions))

    def layer(self, x: str, n: int) -> str:
        g, name = self.g, f"{DECODER}.layers.{n}"
        y = self.norm(x, f"{name}.self_attn_layer_norm")
        x = g.op("Add", x, self.self_attention(y, n, f"{name}.self_attn"))
        if self.reads:
            y = self.norm(x, f"{name}.encoder_attn_layer_norm")
            x = g.op("Add", x, self.cross_attention(y, n, f"{name}.encoder_attn"))
        y = self.project(self.norm(x, f"{name}.final_layer_norm"), [f"{name}.fc1.weight"])
        y = g.op("Gelu", y) if self.decoder.activation == "gelu" else g.op("Relu", y)
        return g.op("Add", x, self.project(y, [f"{name}.fc2.weight"]))

    def self_attention(self, x: str, n: int, name: str) -> str:
        packed = self.project(x, [f"{name}.{part}_proj.weight" for part in "qkv"])
        packed = self.g.op("Unsqueeze", packed, self.g.constant([1], np.int64))
        y = self.attend("self", n, [packed, "", ""], self.positions, self.length)
        return self.project(y, [f"{name}.out_proj.weight"])

    def cross_attention(self, x: str, n: int, name: str) -> str:
        query = self.g.op(
            "Unsqueeze", self.project(x, [f"{name}.q_proj.weight"]), self.g.constant([1], np.int64)
        )
        key, value = self.last_text[2 * n : 2 * n + 2]
        y = self.attend("cross", n, [query, key, value], self.text_ends, self.text_tokens)
        return self.project(y, [f"{name}.out_proj.weight"])

    def attend(self, attention: str, n: int, qkv: Sequence[str], ends: str, length: int) -> str:
        """One query a row over its slab up to `ends` inclusive -> [R, H]."""
        g, decoder = self.g, self.decoder
        remembers = attention == "self"
        shape: list[int | str] = ["R" if remembers else "B", decoder.heads, length, decoder.head_width]
        slabs = slab_names(attention, n)
        dtype = self.memory.dtype if remembers else np.float32
        for source, target in slabs:
            g.input(source, dtype, shape)
            g.declare_output(target, dtype, shape)
        (key, key_out), (value, value_out) = slabs
        total = g.constant(length, np.int32)
        inputs = [*qkv, key, value, ends, total, *(self.memory.inputs(g, n) if remembers else [])]
        attributes = self.memory.attributes() if remembers else {}
        attributes |= {"num_heads": decoder.heads, "kv_num_heads": decoder.heads}
        outputs = [f"{attention}_attention_{n}", key_out, value_out]
        y = g.ops("GroupQueryAttention", inputs, outputs, domain=MICROSOFT, **attributes)[0]
        return g.op("Squeeze", y, g.constant([1], np.int64))

    def project(self, x: str, names: Sequence[str]) -> str:
        """x [R, K] times the weights [N, K], one after the other -> [R, N of all]."""
        shapes = [self.checkpoint.shape(name) for name in names]
        whole = (sum(shape[0] for shape in shapes), shapes[0][1])
        if len(names) == 1:
            return self.linear(self.g, x, names[0], whole, lambda: self.checkpoint.tensor(names[0]))
        return self.linear(self.g, x, "+".join(names), whole, lambda: self.together(names))

    def together(self, names: Sequence[str]) -> NDArray[np.float32]:
        return np.concatenate([self.checkpoint.tensor(name) for name in names])

    def norm(self, x: str, name: str) -> str:
        weights = self.plain(f"{name}.weight"), self.plain(f"{name}.bias")
        return self.g.op("LayerNormalization", x, *weights, axis=-1, epsilon=_EPSILON)

    def plain(self, name: str) -> str:
        return self.g.weight(name, self.checkpoint.shape(name), lambda: self.checkpoint.tensor(name))
