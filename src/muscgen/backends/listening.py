"""A codec's encoder alone, for who only listens: no language model is loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muscgen.backends.base import Codes, ModelShape, Samples
from muscgen.backends.hearing import Ear, deaf, encode_audio
from muscgen.backends.loading import Choice
from muscgen.backends.shape import shape_of
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import ModelConfig
from muscgen.models.layout import hearing


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Sound [C, T] at the model's own rate and channels -> codes [K, ceil(T / hop)]."""

    shape: ModelShape
    config: ModelConfig
    ear: Ear

    def encode(self, samples: Samples) -> Codes:
        """Raises InvalidRequest for a sound that is too short."""
        return encode_audio(self.config.codec, self.ear, samples, self.config.decoder.channels)


def open_listener(
    checkpoint_path: Path, choice: Choice, *, threads: int = 0, cache_dir: Path | None = None
) -> Listener:
    """Raises CheckpointInvalid, and InvalidRequest for a checkpoint that has no encoder."""
    checkpoint = Checkpoint(checkpoint_path)
    if not checkpoint.hears:
        raise deaf()
    make = _onnx_ear if choice.backend == "onnx" else _torch_ear
    ear = make(checkpoint, choice, threads, cache_dir)
    return Listener(shape_of(checkpoint.config, hears=True), checkpoint.config, ear)


def codec_revision(checkpoint: Checkpoint) -> str:
    """SHA-256 of the encoder's weights and of the codebooks in use, hex: alike for models that share them."""
    decoder = checkpoint.config.decoder
    books = range(decoder.codebooks // decoder.channels)
    names = sorted(hearing(checkpoint.config.codec))
    names += [f"audio_encoder.quantizer.layers.{k}.codebook.embed" for k in books]
    digest = hashlib.sha256(f"{decoder.channels} {checkpoint.config.codec}".encode())
    for name in names:
        tensor = np.ascontiguousarray(checkpoint.tensor(name), "<f4")
        digest.update(f"{name} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def books_revision(checkpoint: Checkpoint) -> str:
    """SHA-256 of the codebooks in use, hex: who shares them speaks the same codes, whatever it hears."""
    decoder, digest = checkpoint.config.decoder, hashlib.sha256()
    for k in range(decoder.codebooks // decoder.channels):
        tensor = np.ascontiguousarray(
            checkpoint.tensor(f"audio_encoder.quantizer.layers.{k}.codebook.embed"), "<f4"
        )
        digest.update(f"{k} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _onnx_ear(checkpoint: Checkpoint, choice: Choice, threads: int, cache_dir: Path | None) -> Ear:
    from muscgen.backends.onnx.cache import SessionCache
    from muscgen.backends.onnx.hearing import ear, hidden_graph, vectors_graph

    del choice  # it runs on the CPU in float32
    cache = SessionCache(cache_dir, codec_revision(checkpoint) if cache_dir else "")
    return ear(
        checkpoint, *(cache.session(make(checkpoint), threads) for make in (hidden_graph, vectors_graph))
    )


def _torch_ear(checkpoint: Checkpoint, choice: Choice, threads: int, cache_dir: Path | None) -> Ear:
    import torch

    from muscgen.backends.torch.hearing import Hearing
    from muscgen.backends.torch.weights import Weights

    del cache_dir
    if threads:
        torch.set_num_threads(threads)
    hearing_ = Hearing(Weights(checkpoint, torch.device(choice.device), torch.float32))

    @torch.inference_mode()
    def hidden(samples: Samples) -> Samples:
        return hearing_.ear.hidden(samples)

    @torch.inference_mode()
    def vectors(frames: Samples) -> Samples:
        return hearing_.ear.vectors(frames)

    return Ear(hidden, vectors, hearing_.ear.tables)
