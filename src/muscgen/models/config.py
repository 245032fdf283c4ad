"""A checkpoint's config.json as typed values. Any MusicGen, whatever its size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2, prod
from pathlib import Path
from typing import Any

from muscgen.errors import CheckpointInvalid

LONGEST_TEXT_TOKENS = 512  # T5 was trained on 512; its relative positions know no limit of their own


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The T5 encoder."""

    width: int  # d_model
    layers: int
    heads: int
    head_width: int  # d_kv: heads x head_width need not be width
    ffn: int
    vocabulary: int
    buckets: int
    bucket_distance: int
    epsilon: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The language model over codes."""

    width: int
    layers: int
    heads: int
    ffn: int
    codebooks: int
    vocabulary: int
    special: int
    channels: int
    positions: int
    activation: str
    embedding_scale: float

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def delays(self) -> tuple[int, ...]:
        """Stereo codebooks come in pairs, left then right, that lag alike."""
        return tuple(k // self.channels for k in range(self.codebooks))


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """The EnCodec: one channel each, run once a channel."""

    sample_rate: int
    codebooks: int
    codebook_size: int
    width: int  # of a code's vector
    filters: int
    ratios: tuple[int, ...]
    kernel: int
    last_kernel: int
    residual_kernel: int
    residual_layers: int
    dilation_growth: int
    compress: int
    lstm_layers: int
    pad_mode: str = "reflect"  # or constant: zeros

    @property
    def hop(self) -> int:
        return prod(self.ratios)

    @property
    def lstm_width(self) -> int:
        return self.filters << len(self.ratios)  # each stage halves it


@dataclass(frozen=True, slots=True)
class MelodyConfig:
    """The chroma that stands before the song in a melody model, which has no cross-attention."""

    frames: int
    bins: int
    sample_rate: int
    n_fft: int
    hop: int


@dataclass(frozen=True, slots=True)
class ModelConfig:
    text: TextConfig
    decoder: DecoderConfig
    codec: CodecConfig
    melody: MelodyConfig | None = None

    @property
    def longest_prefix(self) -> int:
        """Positions that may stand before the first code."""
        return 0 if self.melody is None else self.melody.frames + self.text.max_tokens


def read_config(path: Path) -> ModelConfig:
    """The configuration of the checkpoint folder `path`. Raises CheckpointInvalid for what cannot be run."""
    try:
        source = _json(path / "config.json")
        kind = str(_only(source, "model_type", "musicgen", "musicgen", "musicgen_melody"))
        config = ModelConfig(
            text=_text(source["text_encoder"], path),
            decoder=_decoder(source["decoder"], f"{kind}_decoder"),
            codec=_codec(source["audio_encoder"]),
            melody=_melody(source, path) if kind == "musicgen_melody" else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointInvalid(f"{path / 'config.json'}: {type(error).__name__}: {error}") from error
    check(config)
    return config


def read_text_config(path: Path) -> TextConfig:
    """The configuration of a T5 that has the folder `path` to itself. Raises CheckpointInvalid."""
    try:
        return _text(_json(path / "config.json"), path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointInvalid(f"{path / 'config.json'}: {type(error).__name__}: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _only(source: Mapping[str, Any], name: str, default: Any, *supported: object) -> Any:  # noqa: ANN401
    value = source.get(name, default)
    value = default if value is None else value
    if value not in supported:
        allowed = " or ".join(repr(choice) for choice in supported)
        raise CheckpointInvalid(f"config.json: {name} is {value!r}; only {allowed} is supported")
    return value


def _count(source: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A whole number above 0; `default` where the configuration says nothing."""
    value = source.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int or value < 1:
        said = f"{name} is {value!r}" if name in source else f"{name} is missing"
        raise CheckpointInvalid(f"config.json: {said}; a whole number above 0 is needed")
    return value


def _text(source: Mapping[str, Any], path: Path) -> TextConfig:
    _only(source, "model_type", "t5", "t5")
    _only(source, "feed_forward_proj", "relu", "relu")
    tokenizer = path / "tokenizer_config.json"
    longest = _json(tokenizer).get("model_max_length") if tokenizer.exists() else None
    return TextConfig(
        width=_count(source, "d_model"),
        layers=_count(source, "num_layers"),
        heads=_count(source, "num_heads"),
        head_width=_count(source, "d_kv"),
        ffn=_count(source, "d_ff"),
        vocabulary=_count(source, "vocab_size"),
        buckets=_count(source, "relative_attention_num_buckets", 32),
        bucket_distance=_count(source, "relative_attention_max_distance", 128),
        epsilon=float(source.get("layer_norm_epsilon", 1e-6)),
        max_tokens=int(min(longest or LONGEST_TEXT_TOKENS, LONGEST_TEXT_TOKENS)),
    )


def _decoder(source: Mapping[str, Any], kind: str) -> DecoderConfig:
    _only(source, "model_type", kind, kind)
    width, vocabulary = _count(source, "hidden_size"), _count(source, "vocab_size")
    return DecoderConfig(
        width=width,
        layers=_count(source, "num_hidden_layers"),
        heads=_count(source, "num_attention_heads"),
        ffn=_count(source, "ffn_dim"),
        codebooks=_count(source, "num_codebooks"),
        vocabulary=vocabulary,
        special=int(_only(source, "pad_token_id", vocabulary, vocabulary)),  # the one row beyond the codes
        channels=_count(source, "audio_channels", 1),
        positions=_count(source, "max_position_embeddings", 2048),
        activation=str(_only(source, "activation_function", "gelu", "gelu", "relu")),
        embedding_scale=width**0.5 if source.get("scale_embedding") else 1.0,
    )


def _melody(source: Mapping[str, Any], path: Path) -> MelodyConfig:
    """The feature extractor's numbers are the published ones where the folder does not say."""
    beside = path / "preprocessor_config.json"
    extractor = _json(beside) if beside.exists() else {}
    return MelodyConfig(
        frames=_count(source, "chroma_length", 235),
        bins=_count(source, "num_chroma", 12),
        sample_rate=_count(extractor, "sampling_rate", 32_000),
        n_fft=_count(extractor, "n_fft", 16_384),
        hop=_count(extractor, "hop_length", 4_096),
    )


def _codec(source: Mapping[str, Any]) -> CodecConfig:
    _only(source, "model_type", "encodec", "encodec")
    _only(source, "norm_type", "weight_norm", "weight_norm")
    _only(source, "use_causal_conv", True, False)
    _only(source, "use_conv_shortcut", True, False)
    _only(source, "normalize", False, False)
    _only(source, "audio_channels", 1, 1)
    sample_rate, size = _count(source, "sampling_rate"), _count(source, "codebook_size")
    ratios = tuple(
        _count({"upsampling_ratios": ratio}, "upsampling_ratios") for ratio in source["upsampling_ratios"]
    )
    frame_rate, bits = ceil(sample_rate / prod(ratios)), max(1, ceil(log2(size)))
    return CodecConfig(
        sample_rate=sample_rate,
        codebooks=int(1000 * source["target_bandwidths"][-1] // (frame_rate * bits)),
        codebook_size=size,
        width=_count(source, "codebook_dim" if source.get("codebook_dim") else "hidden_size"),
        filters=_count(source, "num_filters"),
        ratios=ratios,
        kernel=_count(source, "kernel_size"),
        last_kernel=_count(source, "last_kernel_size"),
        residual_kernel=_count(source, "residual_kernel_size"),
        residual_layers=_count(source, "num_residual_layers"),
        dilation_growth=_count(source, "dilation_growth_rate"),
        compress=_count(source, "compress"),
        lstm_layers=_count(source, "num_lstm_layers"),
        pad_mode=str(_only(source, "pad_mode", "reflect", "reflect", "constant")),
    )


def check(config: ModelConfig) -> None:
    """Raises CheckpointInvalid for sizes that cannot be run together."""
    decoder, codec = config.decoder, config.codec
    if decoder.channels not in (1, 2) or decoder.codebooks % decoder.channels:
        raise CheckpointInvalid(f"{decoder.codebooks} codebooks for {decoder.channels} channels")
    if decoder.codebooks // decoder.channels > codec.codebooks:
        raise CheckpointInvalid(f"{decoder.codebooks} codebooks, but the codec has {codec.codebooks}")
    if decoder.width % decoder.heads or decoder.head_width % 8:
        raise CheckpointInvalid(f"heads of {decoder.width / decoder.heads:g}; a multiple of 8 is needed")
    if config.melody is not None and (config.melody.bins != 12 or config.melody.frames < 1):
        raise CheckpointInvalid(f"a melody of {config.melody.bins} bins; chroma has 12 pitch classes")
    if codec.sample_rate % codec.hop:
        raise CheckpointInvalid(f"{codec.sample_rate} Hz is no multiple of the hop of {codec.hop}")
