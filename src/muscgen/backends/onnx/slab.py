"""The memory of all rows, and the bindings that let a session step a prefix of them in place."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import DTypeLike, NDArray

from muscgen.backends.base import Codes, Logits
from muscgen.backends.onnx.chain import chain_names
from muscgen.backends.onnx.memory import KvPrecision, kv_dtype
from muscgen.backends.onnx.step import POSITIONS, slab_names, slab_positions
from muscgen.backends.prefix import Prefixes
from muscgen.models.config import ModelConfig

# Tokens a row and chain. 32 for two rows: as many take 3 to 4 times less than as many steps, more no less.
FED_TOKENS = 16
Floats = NDArray[np.float32]
Numbers = NDArray[np.float32] | NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """An encoded prompt: cross-attention keys and values [layers, 2, heads, L, head width]."""

    cross: Floats

    @property
    def tokens(self) -> int:
        return int(self.cross.shape[3])

    @property
    def nbytes(self) -> int:
        return self.cross.nbytes


def null_text(config: ModelConfig) -> Text:
    """One token whose keys and values are zeros: attending to it gives exactly zero, as guidance wants it."""
    decoder = config.decoder
    return Text(np.zeros((decoder.layers, 2, decoder.heads, 1, decoder.head_width), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """A session that takes every row so many tokens further: the step, or a chain of it."""

    session: ort.InferenceSession
    tokens: int


class Slab:
    """`rows` rows. Memory is taken from the system as positions are written: long slabs cost what is used."""

    def __init__(self, config: ModelConfig, rows: int, prefixes: Prefixes | None, kv: KvPrecision) -> None:
        """prefixes: of a melody model, which has them instead of cross-attention."""
        decoder, text_tokens = config.decoder, config.text.max_tokens
        self._layers, self._rows, self._prefixes = decoder.layers, rows, prefixes
        self._slabs: dict[str, Numbers] = {}  # [rows, heads, T, head width] by input name
        self._outputs: dict[str, str] = {}
        lengths = {"self": slab_positions(config)} | ({} if prefixes else {"cross": text_tokens})
        for attention, length in lengths.items():
            for source, target in (pair for n in range(self._layers) for pair in slab_names(attention, n)):
                shape = rows, decoder.heads, length, decoder.head_width
                self._slabs[source] = _lazy_zeros(shape, kv_dtype(kv if attention == "self" else "fp32"))
                self._outputs[source] = target
        self._texts: dict[str, NDArray[np.int32] | Floats] = {}  # inputs, a line a row
        if prefixes is None:
            self._texts["text_ends"] = np.zeros(rows, np.int32)
            self._texts["last_text"] = np.zeros((rows, 2 * decoder.layers, decoder.width), np.float32)
        tokens = max(rows, 2 * FED_TOKENS)
        self._inputs: dict[str, NDArray[np.int32] | NDArray[np.bool_] | Floats] = {  # a line a token
            "tokens": np.zeros((tokens, decoder.codebooks), np.int32),
            POSITIONS: np.zeros(tokens, np.int32),
        }
        if prefixes is not None:
            self._inputs["prefix"] = np.zeros((tokens, decoder.width), np.float32)
            self._inputs["leads"] = np.zeros((tokens, 1), np.bool_)
        self._logits = np.zeros((rows, decoder.codebooks, decoder.vocabulary), np.float32)
        self._bindings: dict[tuple[Walk, int, int], ort.IOBinding] = {}

    def put_text(self, row: int, text: Text) -> None:
        length = text.tokens
        for n in range(self._layers):
            for part, (name, _) in enumerate(slab_names("cross", n)):
                self._slabs[name][row, :, :length] = text.cross[n, part]
        self._texts["last_text"][row] = text.cross[:, :, :, -1].reshape(2 * self._layers, -1)
        self._texts["text_ends"][row] = length - 1

    def move(self, source: int, target: int, length: int) -> None:
        if self._prefixes is not None:
            self._prefixes.move(source, target)
            lengths = {"self": max(0, self._prefixes.length(source) + length)}
        else:
            lengths = {"self": length, "cross": int(self._texts["text_ends"][source]) + 1}
        for name, slab in self._slabs.items():
            used = lengths[name.partition("_")[0]]
            slab[target, :, :used] = slab[source, :, :used]
        for lines in self._texts.values():
            lines[target] = lines[source]

    def step(self, walk: Walk, tokens: Codes, positions: NDArray[np.int32]) -> Logits:
        """Steps rows 0..R-1; the logits are the caller's own."""
        self._run(walk, 0, range(len(tokens)), tokens, positions)
        return self._logits[: len(tokens)].copy()

    def feed(self, walk: Walk, first: int, count: int, tokens: Codes, positions: NDArray[np.int32]) -> None:
        """Steps rows first..first+count-1 through tokens [S, K] at positions [S]."""
        rows = list(range(first, first + count)) * walk.tokens
        for start in range(0, len(tokens), walk.tokens):
            # The last steps are repeated where there are too few: they leave what they left.
            at = np.minimum(np.arange(start, start + walk.tokens), len(tokens) - 1).repeat(count)
            self._run(walk, first, rows, tokens[at], positions[at])

    def _run(
        self, walk: Walk, first: int, rows: Sequence[int], tokens: Codes, positions: NDArray[np.int32]
    ) -> None:
        """rows, tokens, positions: a line a token [N]. The rows from `first` on take part."""
        lines = len(tokens)
        self._inputs["tokens"][:lines] = tokens
        places = positions
        if self._prefixes is not None:
            places, self._inputs["prefix"][:lines] = self._prefixes.at(rows, positions)
            self._inputs["leads"][:lines, 0] = positions < 0
        self._inputs[POSITIONS][:lines] = places
        key = walk, first, lines
        if key not in self._bindings:
            self._bindings[key] = self._bind(walk, first, lines)
        walk.session.run_with_iobinding(self._bindings[key])

    def _bind(self, walk: Walk, first: int, lines: int) -> ort.IOBinding:
        binding = walk.session.io_binding()
        rows = slice(first, first + lines // walk.tokens)
        for name, array in self._inputs.items():
            _bind(binding.bind_input, name, array[:lines])
        memory: dict[str, NDArray[Any]] = self._texts | self._slabs
        for name, lasting in memory.items():
            _bind(binding.bind_input, name, lasting[rows])
        for name, target in self._outputs.items():  # in place: the same memory as the input
            for output in chain_names(target, walk.tokens):
                _bind(binding.bind_output, output, self._slabs[name][rows])
        if walk.tokens == 1:
            _bind(binding.bind_output, "logits", self._logits[:lines])
        return binding


def _bind(bind: Callable[..., None], name: str, array: NDArray[np.generic]) -> None:
    """To memory that stays where it is, and whose lines lie one after the other."""
    bind(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)


def _lazy_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> Numbers:
    """Zeros whose memory is taken when it is written, a small page at a time.

    With huge pages, as np.zeros gets them, the first step of every head would take the whole slab: 6.4 GB for
    16 rows of small, of which ten seconds of music need 1.6.
    """
    memory = mmap.mmap(-1, prod(shape) * np.dtype(dtype).itemsize)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)
