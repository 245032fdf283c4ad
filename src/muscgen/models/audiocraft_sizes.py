"""The sizes of a checkpoint in audiocraft's layout: from tensors' shapes, and xp.cfg where there are none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

from muscgen.errors import CheckpointInvalid
from muscgen.models.config import CodecConfig, DecoderConfig, MelodyConfig
from muscgen.models.tensorfile import Shape, Stored
from muscgen.models.xpcfg import Cfg, choice, number, read_cfg

_HEAD_WIDTH = 64  # of every published MusicGen
_POSITIONS = 2048  # as the same models say in transformers' layout; the sinusoids know no end
_MELODY_RATE, _MELODY_RADIX, _MELODY_S = 32_000, 14, 30  # of both published melody models
_FRAME_RATE = 50  # of every published codec of a MusicGen
# Where xp.cfg says something else, the song would be noise.
_LM_IS = {
    "lm_model": "transformer_lm",
    "codebooks_pattern.modeling": "delay",
    "transformer_lm.norm_first": "true",
    "transformer_lm.positional_embedding": "sin",
}
_CODEC_IS = {
    "compression_model": "encodec",
    "encodec.causal": "false",
    "encodec.renormalize": "false",
    "seanet.activation": "ELU",
}
_UPSAMPLING = r"decoder\.model\.(\d+)\.convtr\.convtr\.bias"
_KERNELS = (".weight_v", ".parametrizations.weight.original1", ".weight")


def decoder_config(tensors: Mapping[str, Stored], text: str, codec: CodecConfig) -> DecoderConfig:
    """Of the language model's best_state and xp.cfg. Raises CheckpointInvalid for what cannot be run."""
    cfg = _checked(text, _LM_IS)
    width = _shape(tensors, "out_norm.weight", 1)[0]
    vocabulary = _shape(tensors, "linears.0.weight", 2)[0]
    codebooks = len(_indices(tensors, r"emb\.(\d+)\.weight"))
    config = DecoderConfig(
        width=width,
        layers=len(_indices(tensors, r"transformer\.layers\.(\d+)\.norm1\.weight")),
        heads=number(cfg, "transformer_lm.num_heads", max(1, width // _HEAD_WIDTH)),
        ffn=_shape(tensors, "transformer.layers.0.linear1.weight", 2)[0],
        codebooks=codebooks,
        vocabulary=vocabulary,
        special=vocabulary,
        channels=2 if codebooks == 2 * codec.codebooks else 1,
        positions=_POSITIONS,
        activation=choice(cfg, "transformer_lm.activation", "gelu", "relu"),
        embedding_scale=1.0,
    )
    ours = tuple(str(delay) for delay in config.delays)
    if (theirs := cfg.get("codebooks_pattern.delay.delays", ours)) != ours:
        raise CheckpointInvalid(
            f"xp.cfg: codebooks lag {','.join(theirs)}; only {','.join(ours)} is supported"
        )
    return config


def codec_config(tensors: Mapping[str, Stored], text: str) -> CodecConfig:
    """Of the codec's best_state and xp.cfg. Raises CheckpointInvalid for what cannot be run."""
    cfg = _checked(text, _CODEC_IS)
    stages = _indices(tensors, _UPSAMPLING)
    lstm_layers = len(_indices(tensors, r"decoder\.model\.1\.lstm\.weight_ih_l(\d+)"))
    if not stages or not lstm_layers:
        raise CheckpointInvalid("the codec is no EnCodec with an LSTM; only that is supported")
    up = [_kernel(tensors, f"decoder.model.{stage}.convtr.convtr") for stage in stages]
    residuals = _indices(tensors, r"decoder\.model\.(\d+)\.block\.1\.conv\.conv\.bias")
    residual = _kernel(tensors, f"decoder.model.{stages[0] + 1}.block.1.conv.conv")
    last = max(_indices(tensors, r"decoder\.model\.(\d+)\.conv\.conv\.bias"), default=0)
    ratios = tuple(kernel[2] // 2 for kernel in up)
    codebook = _shape(tensors, "quantizer.vq.layers.0._codebook.embed", 2)
    return CodecConfig(
        sample_rate=number(cfg, "sample_rate", _FRAME_RATE * prod(ratios)),
        codebooks=len(_indices(tensors, r"quantizer\.vq\.layers\.(\d+)\._codebook\.embed")),
        codebook_size=codebook[0],
        width=codebook[1],
        filters=up[0][0] >> len(ratios),
        ratios=ratios,
        kernel=_kernel(tensors, "decoder.model.0.conv.conv")[2],
        last_kernel=_kernel(tensors, f"decoder.model.{last}.conv.conv")[2],
        residual_kernel=residual[2],
        residual_layers=len(residuals) // len(stages),
        dilation_growth=number(cfg, "seanet.dilation_base", 2),
        compress=up[0][1] // max(1, residual[0]),
        lstm_layers=lstm_layers,
        pad_mode=choice(cfg, "seanet.pad_mode", "reflect", "constant"),
    )


def melody_config(text: str) -> MelodyConfig:
    """Of the language model's xp.cfg: as many frames as the conditioner's own clip has."""
    cfg, name = read_cfg(text), "conditioners.self_wav.chroma_stem"
    rate = number(cfg, f"{name}.sample_rate", _MELODY_RATE)
    n_fft = 1 << number(cfg, f"{name}.radix2_exp", _MELODY_RADIX)
    hop = n_fft // 4
    duration_s = number(cfg, f"{name}.duration", _MELODY_S)
    choice(cfg, f"{name}.argmax", "true")
    bins = number(cfg, f"{name}.n_chroma", 12)
    return MelodyConfig(
        frames=duration_s * rate // hop + 1, bins=bins, sample_rate=rate, n_fft=n_fft, hop=hop
    )


def _checked(text: str, needed: Mapping[str, str]) -> Cfg:
    cfg = read_cfg(text)
    for name, value in needed.items():
        choice(cfg, name, value)
    return cfg


def _indices(tensors: Mapping[str, Stored], pattern: str) -> list[int]:
    """The numbers that the pattern's group takes among the names, in order."""
    return sorted(int(match[1]) for name in tensors if (match := re.fullmatch(pattern, name)))


def _kernel(tensors: Mapping[str, Stored], name: str) -> Shape:
    """The shape of a convolution's kernel, weight-normed or not."""
    stored = next((name + end for end in _KERNELS if name + end in tensors), f"{name}.weight")
    return _shape(tensors, stored, 3)


def _shape(tensors: Mapping[str, Stored], name: str, axes: int) -> Shape:
    if name not in tensors:
        raise CheckpointInvalid(f"tensors are missing: {name}")
    shape = tensors[name].shape
    if len(shape) != axes or not all(shape):
        raise CheckpointInvalid(f"{name} has shape {list(shape)}; {axes} axes are needed")
    return shape
