"""MusicGen's published sizes with random weights, made in memory: speed does not depend on their values."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import MusicgenConfig

from benchmarks.checkpoint import TINY, small
from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.device import DTYPES
from muscgen.models.config import ModelConfig, read_config
from muscgen.models.layout import layout

SIZES = {"small": (1024, 24, 16), "medium": (1536, 48, 24), "large": (2048, 48, 32)}  # width, layers, heads
SIZES_OF_TESTS = {"mini": (64, 2, 2)}
_DRAWN = 1 << 25  # random numbers that all tensors share; more than the largest of them has


def theirs(size: str) -> MusicgenConfig:
    """transformers' configuration: T5-base and EnCodec at 32 kHz are everybody's."""
    config = small()
    decoder, text = config.decoder, config.text_encoder
    width, decoder.num_hidden_layers, heads = (SIZES | SIZES_OF_TESTS)[size]
    decoder.hidden_size, decoder.num_attention_heads, decoder.ffn_dim = width, heads, 4 * width
    if size in SIZES_OF_TESTS:
        text.num_layers, config.audio_encoder.num_filters = 1, 4
    return config


@cache
def ours(size: str) -> ModelConfig:
    """The same, as muscgen reads it."""
    with TemporaryDirectory() as folder:
        theirs(size).save_pretrained(folder)
        shutil.copy(TINY / "tokenizer_config.json", folder)
        return read_config(Path(folder))


def load(size: str, precision: str, rows: int, device: torch.device) -> TorchBackend:
    """Our backend over random weights."""
    checkpoint = RandomCheckpoint(ours(size))
    return TorchBackend(checkpoint, rows=rows, device=device, dtype=DTYPES[precision])


class RandomCheckpoint:
    """What TorchBackend asks of a Checkpoint; a tensor is a view of numbers that were drawn once."""

    hears = False
    tokenizer = TINY / "tokenizer.json"

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._shapes = layout(config)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Gains are 1, biases 0, all else as small as in a model that has not learned yet."""
        shape = self._shapes[name]
        if len(shape) == 1:
            return np.full(shape, float(name.endswith("weight")), np.float32)
        return _drawn()[: int(np.prod(shape))].reshape(shape)


@cache
def _drawn() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(_DRAWN, np.float32) * np.float32(0.02)
