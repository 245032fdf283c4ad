"""The backend for CUDA, which runs on a CPU as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from muscgen.backends.base import (
    CodecStream,
    Codes,
    Knobs,
    Logits,
    Melody,
    ModelShape,
    Samples,
    Songs,
    TextStates,
)
from muscgen.backends.codec_stream import WINDOW_FRAMES, Hidden, WindowedCodecStream
from muscgen.backends.hearing import deaf, encode_audio
from muscgen.backends.prefix import Prefixes, Words, null_words
from muscgen.backends.prompts import Prompts
from muscgen.backends.shape import check_feed, check_step, refuse_melody, shape_of
from muscgen.backends.torch.aside import Aside
from muscgen.backends.torch.codec import Codec, State
from muscgen.backends.torch.decoder import Decoder
from muscgen.backends.torch.device import DTYPES, Precision, find_device
from muscgen.backends.torch.fitting import fitting, fitting_weights, memory_errors
from muscgen.backends.torch.graphs import Graphs
from muscgen.backends.torch.hearing import Hearing
from muscgen.backends.torch.sampler import Sampler
from muscgen.backends.torch.slab import Extent, Slab, slab_positions
from muscgen.backends.torch.text import Encoder, Text, null_text
from muscgen.backends.torch.weights import Weights
from muscgen.models.checkpoint import Checkpoint


class TorchBackend:
    """One checkpoint on one device. Implements Backend.

    Matrix products of PyTorch choose their kernels by the number of rows, on CPUs too: a row's numbers are
    independent of its neighbours' values, but for other numbers of rows they agree only within rounding, not
    bit for bit. Text encoder and codec are float32 always.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, rows: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._config = config = checkpoint.config
        self._device = device
        self._aside = Aside(device)
        with torch.inference_mode(), fitting_weights(device):
            weights = Weights(checkpoint, device, dtype)
            self._encoder, self._codec = Encoder(weights), Codec(weights)
            self._prefixes = Prefixes(checkpoint, config.melody, rows) if config.melody else None
            self._sampler = Sampler(device)
            self._hearing = Hearing(weights) if checkpoint.hears else None
            self._decoder = Decoder(weights)
            self._null = null_text(config, device, dtype)
        with torch.inference_mode():
            self._slab = fitting(rows, lambda rows: self._rehearsed(rows, dtype))
        self._prompts: Prompts[Text | Words] = Prompts(config.text, checkpoint.tokenizer, self._encode)
        self._graphs: Graphs | None = None
        if device.type == "cuda":
            self._graphs = Graphs(self._step_eagerly, device, self._aside.lock)
            # Other streams read what was written on this one; other models may be capturing on theirs.
            torch.cuda.current_stream(device).synchronize()

    @classmethod
    def load(
        cls,
        checkpoint_path: Path,
        *,
        precision: Precision,
        rows: int,
        device: str = "auto",
        threads: int = 0,
        adapter: Path | None = None,
    ) -> TorchBackend:
        """Raises CheckpointInvalid, ConfigurationError. threads, of this process: 0 leaves them alone.

        Where memory is short, there are fewer rows than asked for.
        """
        if threads:
            torch.set_num_threads(threads)
        where = find_device(device, precision)
        return cls(Checkpoint(checkpoint_path, adapter), rows=rows, device=where, dtype=DTYPES[precision])

    @property
    def shape(self) -> ModelShape:
        return shape_of(self._config, hears=self._hearing is not None)

    @property
    def rows(self) -> int:
        return self._slab.rows

    def encode_text(self, text: str) -> Text | Words:
        return self._prompts.encode(text)

    def encode_audio(self, samples: Samples) -> Codes:
        if self._hearing is None:
            raise deaf()
        with self._aside():
            return encode_audio(self._config.codec, self._hearing.ear, samples, self._config.decoder.channels)

    def null_text(self, beside: TextStates | None) -> TextStates | None:
        return None if self._prefixes is None else null_words(beside)

    def open_row(self, row: int, text: TextStates | None, melody: Melody | None = None) -> int:
        with torch.inference_mode():
            self._slab.clear(row)
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
        with torch.inference_mode():
            self._slab.put_text(row, self._null if text is None else text)

    def move_row(self, source: int, target: int, length: int) -> None:
        if self._prefixes is not None:
            self._prefixes.move(source, target)
            length = max(0, length + self._prefixes.length(source))
        with torch.inference_mode():
            self._slab.move(source, target, length)

    def step(self, tokens: Codes, positions: NDArray[np.int32]) -> Logits:
        with torch.inference_mode(), memory_errors():
            logits: Logits = self._stepped(tokens, positions).to("cpu", copy=True).numpy()
        return logits

    def step_and_draw(
        self,
        tokens: Codes,
        positions: NDArray[np.int32],
        songs: Songs,
        knobs: Knobs,
        uniforms: NDArray[np.float64],
    ) -> tuple[Codes, NDArray[np.bool_]]:
        with torch.inference_mode(), memory_errors():
            return self._sampler(self._stepped(tokens, positions), songs, knobs, uniforms)

    def _stepped(self, tokens: Codes, positions: NDArray[np.int32]) -> torch.Tensor:
        """The slab's logits [R, K, V] after a step, on the device."""
        config = self._config
        check_step(tokens, positions, self.rows, config.decoder.positions, lead=config.longest_prefix)
        if self._prefixes is not None:
            leads = positions < 0
            positions, prefix = self._prefixes.at(range(len(tokens)), positions)
            self._slab.put_prefix(prefix, leads)
        extent = self._slab.put_inputs(tokens, positions)
        if self._graphs is None:
            self._step_eagerly(extent)
        else:
            self._graphs.run(extent)
        return self._slab.logits[: extent.rows]

    def feed(self, rows: Sequence[int], tokens: Codes, position: int) -> None:
        config = self._config
        positions = check_feed(
            rows, tokens, position, self.rows, config.decoder.positions, lead=config.longest_prefix
        )
        with torch.inference_mode(), memory_errors():
            for row in rows:
                self._feed_row(row, tokens, positions)

    def _feed_row(self, row: int, tokens: Codes, positions: NDArray[np.int32]) -> None:
        prefix, leads = None, positions < 0
        if self._prefixes is not None:
            positions, prefix = self._prefixes.at([row] * len(positions), positions)
        self._decoder.feed(self._slab, self._slab.fed(row, tokens, positions, prefix, leads))

    def open_codec(self) -> CodecStream:
        config = self._config
        return WindowedCodecStream(config.codec, config.decoder.channels, self._frames, self._samples)

    def close(self) -> None:
        """Gives the memory back; the backend cannot be used afterwards. Closing twice is closing once."""
        for name in ("_graphs", "_slab", "_decoder", "_encoder", "_codec", "_hearing", "_prompts", "_null"):
            vars(self).pop(name, None)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _step_eagerly(self, extent: Extent) -> None:
        self._decoder.step(self._slab, extent)

    def _encode(self, ids: list[int]) -> Text | Words:
        with self._aside():
            return self._encoder(ids)

    def _frames(self, codes: Codes, state: State | None) -> tuple[Hidden, State]:
        with self._aside():
            return self._codec.frames(codes, state)

    def _samples(self, hidden: Hidden) -> Samples:
        with self._aside():
            return self._codec.samples(hidden)

    def _rehearsed(self, rows: int, dtype: torch.dtype) -> Slab:
        """A slab that left room for the largest step and a window of the codec: tried out, on CUDA."""
        decoder, text = self._config.decoder, self._config.text
        slab = Slab(self._config, rows, self._device, dtype)
        if self._device.type == "cuda":
            self._decoder.step(slab, Extent(rows, slab_positions(self._config), text.max_tokens))
            window = np.zeros(
                (decoder.channels, self._config.codec.lstm_width, 2 * WINDOW_FRAMES), np.float32
            )
            self._samples(window)
            slab.clear_all()
        return slab
