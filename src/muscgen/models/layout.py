"""Which tensors a checkpoint has, in transformers' names, and their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from muscgen.models.config import CodecConfig, DecoderConfig, ModelConfig, TextConfig
from muscgen.models.tensorfile import Shape

Layout = dict[str, Shape]

TEXT = "text_encoder.encoder"
DECODER = "decoder.model.decoder"
CODEC = "audio_encoder.decoder.layers"
HEARING = "audio_encoder.encoder.layers"

# Known and not needed to make music: training state, tables that are computed, aliases.
_UNUSED = re.compile(
    r"audio_encoder\.quantizer\.layers\.\d+\.codebook\.(inited|cluster_size|embed|embed_avg)"
    r"|decoder\.model\.decoder\.embed_positions\.weights"
    r"|text_encoder\.encoder\.embed_tokens\.weight"
)


def unused(name: str) -> bool:
    return _UNUSED.fullmatch(name) is not None


def layout(config: ModelConfig) -> Layout:
    """Every tensor that inference reads. A weight-normed convolution counts as one `...conv.weight`."""
    tensors: Layout = {}
    tensors.update(_text(config.text))
    tensors.update(_decoder(config.decoder, reads=config.melody is None))
    tensors.update(_codec(config.codec))
    if has_projection(config):
        tensors["enc_to_dec_proj.weight"] = (config.decoder.width, config.text.width)
        tensors["enc_to_dec_proj.bias"] = (config.decoder.width,)
    if config.melody is not None:
        tensors["audio_enc_to_dec_proj.weight"] = (config.decoder.width, config.melody.bins)
        tensors["audio_enc_to_dec_proj.bias"] = (config.decoder.width,)
    return tensors


def hearing(codec: CodecConfig) -> Layout:
    """The codec's encoder, which a checkpoint has as a whole or not at all."""
    wide = codec.filters
    tensors: Layout = dict(_conv(f"{HEARING}.0.conv", (wide, 1, codec.kernel), wide))
    for stage, ratio in enumerate(reversed(codec.ratios)):
        for j in range(codec.residual_layers):
            block, hidden = heard_residual(codec, stage, j), wide // codec.compress
            tensors.update(_conv(f"{block}.1.conv", (hidden, wide, codec.residual_kernel), hidden))
            tensors.update(_conv(f"{block}.3.conv", (wide, hidden, 1), wide))
        tensors.update(_conv(downsampling(codec, stage), (2 * wide, wide, 2 * ratio), 2 * wide))
        wide *= 2
    tensors.update(_lstm(heard_lstm(codec), wide, codec.lstm_layers))
    tensors.update(_conv(heard_last(codec), (codec.width, wide, codec.last_kernel), codec.width))
    return tensors


def has_projection(config: ModelConfig) -> bool:
    """transformers leaves the projection out where both sides are equally wide."""
    return config.text.width != config.decoder.width


def _text(text: TextConfig) -> Iterator[tuple[str, Shape]]:
    inner = text.heads * text.head_width
    yield "text_encoder.shared.weight", (text.vocabulary, text.width)
    yield f"{TEXT}.final_layer_norm.weight", (text.width,)
    bias = f"{TEXT}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    yield bias, (text.buckets, text.heads)
    for block in (f"{TEXT}.block.{n}.layer" for n in range(text.layers)):
        for part in "qkv":
            yield f"{block}.0.SelfAttention.{part}.weight", (inner, text.width)
        yield f"{block}.0.SelfAttention.o.weight", (text.width, inner)
        yield f"{block}.0.layer_norm.weight", (text.width,)
        yield f"{block}.1.layer_norm.weight", (text.width,)
        yield f"{block}.1.DenseReluDense.wi.weight", (text.ffn, text.width)
        yield f"{block}.1.DenseReluDense.wo.weight", (text.width, text.ffn)


def _decoder(decoder: DecoderConfig, *, reads: bool) -> Iterator[tuple[str, Shape]]:
    """`reads`: with cross-attention, which melody models lack."""
    width, attentions = decoder.width, ("self_attn", "encoder_attn") if reads else ("self_attn",)
    for k in range(decoder.codebooks):
        yield f"{DECODER}.embed_tokens.{k}.weight", (decoder.vocabulary + 1, width)
        yield f"decoder.lm_heads.{k}.weight", (decoder.vocabulary, width)
    yield from _norm(f"{DECODER}.layer_norm", width)
    for layer in (f"{DECODER}.layers.{n}" for n in range(decoder.layers)):
        for attention in attentions:
            yield from _norm(f"{layer}.{attention}_layer_norm", width)
            for part in ("q", "k", "v", "out"):
                yield f"{layer}.{attention}.{part}_proj.weight", (width, width)
        yield from _norm(f"{layer}.final_layer_norm", width)
        yield f"{layer}.fc1.weight", (decoder.ffn, width)
        yield f"{layer}.fc2.weight", (width, decoder.ffn)


def _norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _codec(codec: CodecConfig) -> Iterator[tuple[str, Shape]]:
    for k in range(codec.codebooks):
        yield f"audio_encoder.quantizer.layers.{k}.codebook.embed", (codec.codebook_size, codec.width)
    wide = codec.lstm_width
    yield from _conv(f"{CODEC}.0.conv", (wide, codec.width, codec.kernel), wide)
    yield from _lstm(f"{CODEC}.1.lstm", wide, codec.lstm_layers)
    for stage, ratio in enumerate(codec.ratios):
        narrow = wide // 2
        yield from _conv(upsampling(codec, stage), (wide, narrow, 2 * ratio), narrow)
        for j in range(codec.residual_layers):
            hidden, block = narrow // codec.compress, residual(codec, stage, j)
            yield from _conv(f"{block}.1.conv", (hidden, narrow, codec.residual_kernel), hidden)
            yield from _conv(f"{block}.3.conv", (narrow, hidden, 1), narrow)
        wide = narrow
    yield from _conv(last(codec), (1, wide, codec.last_kernel), 1)


def _lstm(name: str, wide: int, layers: int) -> Iterator[tuple[str, Shape]]:
    for layer in range(layers):
        yield f"{name}.weight_ih_l{layer}", (4 * wide, wide)
        yield f"{name}.weight_hh_l{layer}", (4 * wide, wide)
        yield f"{name}.bias_ih_l{layer}", (4 * wide,)
        yield f"{name}.bias_hh_l{layer}", (4 * wide,)


def _conv(name: str, shape: Shape, bias: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", (bias,)


def upsampling(codec: CodecConfig, stage: int) -> str:
    """The name of a stage's transposed convolution. A stage: ELU, that, residual blocks."""
    return f"{CODEC}.{3 + stage * (2 + codec.residual_layers)}.conv"


def residual(codec: CodecConfig, stage: int, j: int) -> str:
    return f"{CODEC}.{4 + stage * (2 + codec.residual_layers) + j}.block"


def last(codec: CodecConfig) -> str:
    return f"{CODEC}.{3 + len(codec.ratios) * (2 + codec.residual_layers)}.conv"


def downsampling(codec: CodecConfig, stage: int) -> str:
    """The name of an encoder stage's strided convolution. A stage: residual blocks, ELU, that."""
    return f"{HEARING}.{2 + codec.residual_layers + stage * (2 + codec.residual_layers)}.conv"


def heard_residual(codec: CodecConfig, stage: int, j: int) -> str:
    return f"{HEARING}.{1 + stage * (2 + codec.residual_layers) + j}.block"


def heard_lstm(codec: CodecConfig) -> str:
    return f"{HEARING}.{1 + len(codec.ratios) * (2 + codec.residual_layers)}.lstm"


def heard_last(codec: CodecConfig) -> str:
    return f"{HEARING}.{3 + len(codec.ratios) * (2 + codec.residual_layers)}.conv"
