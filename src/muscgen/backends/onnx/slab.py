"""The memory of all rows, and the bindings that let a session step a prefix of them in place."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from math import prod

import numpy as np
import onnxruntime as ort
from numpy.typing import DTypeLike, NDArray

from muscgen.backends.base import Codes, Logits
from muscgen.backends.onnx.memory import KvPrecision, kv_dtype
from muscgen.backends.onnx.step import slab_names, slab_positions
from muscgen.backends.prefix import Prefixes
from muscgen.models.config import ModelConfig

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
        self._inputs: dict[str, NDArray[np.int32] | NDArray[np.bool_] | Floats] = {
            "tokens": np.zeros((rows, decoder.codebooks), np.int32),
            "positions": np.zeros(rows, np.int32),
        }
        if prefixes is None:
            self._inputs["text_ends"] = np.zeros(rows, np.int32)
            self._inputs["last_text"] = np.zeros((rows, 2 * decoder.layers, decoder.width), np.float32)
        else:
            self._inputs["prefix"] = np.zeros((rows, decoder.width), np.float32)
            self._inputs["leads"] = np.zeros((rows, 1), np.bool_)
        self._logits = np.zeros((rows, decoder.codebooks, decoder.vocabulary), np.float32)
        self._bindings: dict[int, ort.IOBinding] = {}

    def put_text(self, row: int, text: Text) -> None:
        length = text.tokens
        for n in range(self._layers):
            for part, (name, _) in enumerate(slab_names("cross", n)):
                self._slabs[name][row, :, :length] = text.cross[n, part]
        self._inputs["last_text"][row] = text.cross[:, :, :, -1].reshape(2 * self._layers, -1)
        self._inputs["text_ends"][row] = length - 1

    def move(self, source: int, target: int, length: int) -> None:
        if self._prefixes is not None:
            self._prefixes.move(source, target)
            lengths = {"self": max(0, self._prefixes.length(source) + length)}
        else:
            lengths = {"self": length, "cross": int(self._inputs["text_ends"][source]) + 1}
        for name, slab in self._slabs.items():
            used = lengths[name.partition("_")[0]]
            slab[target, :, :used] = slab[source, :, :used]
        for name in {"last_text", "text_ends"} & self._inputs.keys():
            self._inputs[name][target] = self._inputs[name][source]

    def step(self, session: ort.InferenceSession, tokens: Codes, positions: NDArray[np.int32]) -> Logits:
        """Steps rows 0..R-1; the logits are the caller's own."""
        active = len(tokens)
        self._inputs["tokens"][:active] = tokens
        places = positions
        if self._prefixes is not None:
            places, self._inputs["prefix"][:active] = self._prefixes.at(positions)
            self._inputs["leads"][:active, 0] = positions < 0
        self._inputs["positions"][:active] = places
        if active not in self._bindings:
            self._bindings[active] = self._bind(session, active)
        session.run_with_iobinding(self._bindings[active])
        return self._logits[:active].copy()

    def _bind(self, session: ort.InferenceSession, active: int) -> ort.IOBinding:
        binding = session.io_binding()
        for name, array in (self._inputs | self._slabs).items():
            binding.bind_input(
                name, "cpu", 0, array.dtype.type, [active, *array.shape[1:]], array.ctypes.data
            )
        for name, target in self._outputs.items():  # in place: the same memory as the input
            array = self._slabs[name]
            binding.bind_output(
                target, "cpu", 0, array.dtype.type, [active, *array.shape[1:]], array.ctypes.data
            )
        shape = [active, *self._logits.shape[1:]]
        binding.bind_output("logits", "cpu", 0, np.float32, shape, self._logits.ctypes.data)
        return binding


def _lazy_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> Numbers:
    """Zeros whose memory is taken when it is written, a small page at a time.

    With huge pages, as np.zeros gets them, the first step of every head would take the whole slab: 6.4 GB for
    16 rows of small, of which ten seconds of music need 1.6.
    """
    memory = mmap.mmap(-1, prod(shape) * np.dtype(dtype).itemsize)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)
