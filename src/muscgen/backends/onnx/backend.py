"""The backend for CPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from muscgen.backends.base import CodecStream, Codes, Logits, Melody, ModelShape, Samples, TextStates
from muscgen.backends.hearing import Ear, deaf, encode_audio
from muscgen.backends.onnx.cache import SessionCache
from muscgen.backends.onnx.codec import frames_graph, samples_graph
from muscgen.backends.onnx.encoder import Encoder
from muscgen.backends.onnx.exactness import signed_is_exact
from muscgen.backends.onnx.hearing import ear, hidden_graph, vectors_graph
from muscgen.backends.onnx.memory import KvPrecision, Memory
from muscgen.backends.onnx.quantise import Linear, RowwiseLinear, full_linear
from muscgen.backends.onnx.slab import FED_TOKENS, Slab, Text, Walk, null_text
from muscgen.backends.onnx.step import step_graph
from muscgen.backends.onnx.stream import open_stream
from muscgen.backends.onnx.text import text_graph
from muscgen.backends.prefix import Prefixes, Words, null_words
from muscgen.backends.prompts import Prompts
from muscgen.backends.shape import check_feed, check_step, refuse_melody, runs, shape_of
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import ModelConfig

Precision = Literal["fp32", "int8"]


class OnnxBackend:
    """One checkpoint on this machine's cores. Implements Backend.

    Only the language model's linear layers and its memory know int8; text encoder and codec are float32.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        rows: int,
        kv: KvPrecision,
        encoder: Encoder,
        prompts: Prompts[Text | Words],
        prefixes: Prefixes | None,
        step: ort.InferenceSession,
        open_chain: Callable[[], ort.InferenceSession | None],
        frames: ort.InferenceSession,
        samples: ort.InferenceSession,
        open_ear: Callable[[], Ear] | None,
    ) -> None:
        self._config, self._rows = config, rows
        self._encoder, self._prompts = encoder, prompts
        self._frames, self._samples = frames, samples
        self._step, self._open_chain = Walk(step, 1), open_chain
        self._chain: Walk | None = None
        self._open_ear, self._ear_lock = open_ear, Lock()
        self._ear: Ear | None = None
        self._prefixes = prefixes
        self._slab = Slab(config, rows, prefixes, kv)
        self._null = null_text(config)

    @classmethod
    def load(
        cls,
        checkpoint_path: Path,
        *,
        precision: Precision,
        rows: int,
        threads: int = 0,
        cache_dir: Path | None = None,
        adapter: Path | None = None,
        kv: KvPrecision | None = None,
    ) -> OnnxBackend:
        """Raises CheckpointInvalid. threads 0: one a core. cache_dir: where prepared sessions are kept.

        kv: what self-attention remembers in; None is `precision`.
        """
        kv = kv or precision
        checkpoint = Checkpoint(checkpoint_path, adapter)
        config = checkpoint.config
        cache = SessionCache(cache_dir, checkpoint.sha256() if cache_dir else "")
        encoder = Encoder(config, cache.session(text_graph(checkpoint), threads))
        codebooks = config.decoder.codebooks // config.decoder.channels

        step = step_graph(checkpoint, _linear(precision), Memory(checkpoint, kv))

        def open_ear() -> Ear:
            sessions = [cache.session(make(checkpoint), threads) for make in (hidden_graph, vectors_graph)]
            return ear(checkpoint, *sessions)

        return cls(
            config,
            rows=rows,
            kv=kv,
            encoder=encoder,
            prompts=Prompts(config.text, checkpoint.tokenizer, encoder),
            prefixes=Prefixes(checkpoint, config.melody, rows) if config.melody else None,
            step=cache.session(step, threads),
            open_chain=lambda: cache.chain(step, FED_TOKENS, threads),
            frames=cache.session(frames_graph(checkpoint, codebooks), threads),
            samples=cache.session(samples_graph(checkpoint), threads),
            open_ear=open_ear if checkpoint.hears else None,
        )

    @property
    def shape(self) -> ModelShape:
        return shape_of(self._config, hears=self._open_ear is not None)

    @property
    def rows(self) -> int:
        return self._rows

    def encode_text(self, text: str) -> Text | Words:
        return self._prompts.encode(text)

    def encode_audio(self, samples: Samples) -> Codes:
        """The encoder is read from the checkpoint when it is asked for the first time."""
        if self._open_ear is None:
            raise deaf()
        with self._ear_lock:
            self._ear = self._ear or self._open_ear()
        return encode_audio(self._config.codec, self._ear, samples, self._config.decoder.channels)

    def null_text(self, beside: TextStates | None) -> TextStates | None:
        return None if self._prefixes is None else null_words(beside)

    def open_row(self, row: int, text: TextStates | None, melody: Melody | None = None) -> int:
        # Attention sees no position that was not written since.
        if self._prefixes is not None:
            return self._prefixes.open(row, text, melody)
        refuse_melody(melody)
        self.set_text(row, text)
        return 0

    def set_text(self, row: int, text: TextStates | None) -> None:
        if self._prefixes is not None:
            raise ValueError("a melody model's text stands before the codes: open the row anew")
        if text is not None and not isinstance(text, Text):
            raise TypeError(f"{type(text).__name__} was not made by this backend's encode_text")
        self._slab.put_text(row, self._null if text is None else text)

    def move_row(self, source: int, target: int, length: int) -> None:
        self._slab.move(source, target, length)

    def step(self, tokens: Codes, positions: NDArray[np.int32]) -> Logits:
        config = self._config
        check_step(tokens, positions, self._rows, config.decoder.positions, lead=config.longest_prefix)
        return self._slab.step(self._step, tokens, positions)

    def feed(self, rows: Sequence[int], tokens: Codes, position: int) -> None:
        """The chain is opened when it is asked for the first time."""
        config = self._config
        positions = check_feed(
            rows, tokens, position, self._rows, config.decoder.positions, lead=config.longest_prefix
        )
        for first, count in runs(rows):
            self._slab.feed(self._walk(), first, count, tokens, positions)

    def _walk(self) -> Walk:
        if self._chain is None:
            session = self._open_chain()
            self._chain = Walk(session, FED_TOKENS) if session else self._step
        return self._chain

    def open_codec(self) -> CodecStream:
        return open_stream(self._config.codec, self._config.decoder.channels, self._frames, self._samples)

    def close(self) -> None:
        """Gives the memory back; the backend cannot be used afterwards. Closing twice is closing once."""
        parts = (
            *("slab", "prefixes", "step", "chain", "open_chain", "encoder", "prompts"),
            *("frames", "samples", "ear", "open_ear"),
        )
        for name in parts:
            vars(self).pop(f"_{name}", None)


def _linear(precision: Precision) -> Linear:
    return full_linear if precision == "fp32" else RowwiseLinear(signed=signed_is_exact())
