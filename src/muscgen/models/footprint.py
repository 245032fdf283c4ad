"""What a model takes of memory: its weights once, and what every song under way remembers."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from muscgen.models.config import ModelConfig
from muscgen.models.layout import DECODER, hearing, layout

ROWS = 2  # of a song with guidance
_FLOAT = 4  # bytes
_NUMBER_BYTES: Mapping[str, int] = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}
_USUAL_TEXT_TOKENS = 64  # few prompts have more
_CODEC_WINDOW = 2 * 64  # frames whose activations a song's decoder holds for a moment, at the last width


def weight_bytes(config: ModelConfig, precision: str = "fp32") -> int:
    """What the weights take once they are loaded, the encoder of sound included.

    int8 is of the language model's linear layers; the rest stays float32.
    """
    each = _NUMBER_BYTES[precision]
    return sum(
        prod(shape) * (each if precision != "int8" or _is_linear(name) else _FLOAT)
        for name, shape in (layout(config) | hearing(config.codec)).items()
    )


def _is_linear(name: str) -> bool:
    return name.startswith((f"{DECODER}.layers", "decoder.lm_heads")) and "norm" not in name


def slot_bytes(config: ModelConfig, *, positions: int, number_bytes: int = _FLOAT) -> int:
    """The most that one song takes: keys and values of `positions` codes in both rows, and its decoder's.

    number_bytes: of one remembered number; 4 for float32, 1 for int8.
    """
    decoder, codec = config.decoder, config.codec
    pair = 2 * decoder.layers * decoder.width  # keys and values of one position
    heard = (positions + config.longest_prefix) * number_bytes
    read = _USUAL_TEXT_TOKENS * _FLOAT if config.melody is None else 0
    decoded = _CODEC_WINDOW * codec.hop * codec.filters * _FLOAT * decoder.channels
    return ROWS * pair * (heard + read) + decoded
