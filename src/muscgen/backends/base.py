"""What an engine needs of a backend, and nothing more.

A *frame* is 1/50 s of audio, a *code* one token of one codebook, a *step* one pass of the language model, a
*row* one line of the batch. The backend owns tensors (weights, the KV slab, codec state); the engine owns
policy (who sits in which row, what is sampled). Rows in use are always the prefix 0..R-1 of the slab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]  # [K, F], or [R, K] for one step
Logits = NDArray[np.float32]  # [R, K, V]
Samples = NDArray[np.float32]  # [C, T]
Melody = NDArray[np.float32]  # [F, bins], one 1 a frame: which pitch class sounds


@dataclass(frozen=True, slots=True)
class MelodyShape:
    """How a melody model wants its chroma; see backends/chroma.py."""

    frames: int  # F: a melody is repeated or cut to this length; 235 for 30 s
    bins: int  # 12 pitch classes
    sample_rate: int  # Hz
    n_fft: int
    hop: int  # samples


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the engine must know of a model."""

    codebooks: int  # K
    vocabulary: int  # V: codes 0..V-1
    special: int  # the token that starts every codebook and stands where no code is yet
    delays: tuple[int, ...]  # steps that each codebook lags; (0, 1, 2, 3) for mono
    frame_rate: int  # frames a second
    sample_rate: int  # Hz
    channels: int  # C
    hop: int  # samples a frame
    max_steps: int  # positions a row of the slab can hold
    max_text_tokens: int
    melody: MelodyShape | None = None  # None: no melody model. Its text and chroma stand before the song
    hears: bool = False  # whether encode_audio can be asked

    @property
    def max_frames(self) -> int:
        return self.max_steps - max(self.delays)


@dataclass(frozen=True, slots=True)
class Knobs:
    """How S songs are guided and drawn, one line a song. top_k V and top_p 1 leave all codes in."""

    scale: NDArray[np.float32]  # [S, 1, 1]
    temperature: NDArray[np.float32]  # [S, 1, 1]
    top_k: NDArray[np.int64]  # [S], 1..V
    top_p: NDArray[np.float64]  # [S], 0..1


@dataclass(frozen=True, slots=True)
class Songs:
    """The rows of S songs [S]; where a song's two rows are the same one, it is not guided."""

    conditional: NDArray[np.int64]
    null: NDArray[np.int64]


class TextStates(Protocol):
    """An encoded prompt, opaque to the engine; made by `encode_text`, handed to `open_row`."""


class CodecStream(Protocol):
    """Codes to sound, one song, in order. Carries the codec's state and context from chunk to chunk."""

    def push(self, codes: Codes, *, last: bool) -> Samples:
        """codes [K, F] (F may be 0 with last=True) -> the samples [C, T] that are now certain.

        All pushes together give F_total x hop samples, equal within 1e-4 to decoding everything in one push.
        """
        ...


class Backend(Protocol):
    """One loaded model. `encode_text` and codec streams may be called from other threads than `step`'s."""

    @property
    def shape(self) -> ModelShape: ...

    @property
    def rows(self) -> int:
        """Rows in the slab."""
        ...

    def encode_text(self, text: str) -> TextStates:
        """Raises PromptTooLong when the text has more than max_text_tokens tokens. Never truncates."""
        ...

    def encode_audio(self, samples: Samples) -> Codes:
        """Sound [C, T] at the model's own rate and channels -> codes [K, F], F = ceil(T / hop).

        Raises InvalidRequest where the model cannot hear (`shape.hears`).
        """
        ...

    def null_text(self, beside: TextStates | None) -> TextStates | None:
        """What the unconditional row of guidance listens to while the other one listens to `beside`."""
        ...

    def open_row(self, row: int, text: TextStates | None, melody: Melody | None = None) -> int:
        """Begin a sequence in `row`. None is no text, or no melody.

        Returns the row's lead: how many steps, at positions -lead..-1 and with tokens that nobody looks at,
        it has to go before position 0; what a melody model puts before the codes. 0 for other models. Steps
        before that do no harm: a row with a shorter lead waits for its companion.
        """
        ...

    def set_text(self, row: int, text: TextStates | None) -> None:
        """From the next step on the row listens to `text`; its positions stay.

        Raises ValueError for a melody model, whose text is no longer in reach: open the row anew.
        """
        ...

    def move_row(self, source: int, target: int, length: int) -> None:
        """Copy a row's whole state (its first `length` positions, its text) from source to target."""
        ...

    def step(self, tokens: Codes, positions: NDArray[np.int32]) -> Logits:
        """Rows 0..R-1: tokens [R, K] at positions [R] (= tokens already in each row) -> logits [R, K, V].

        Negative positions are the lead, whose logits mean nothing.

        A row's numbers depend on that row alone: not on R, nor on its place, nor on its neighbours; on a CPU
        bit for bit. Raises MemoryError where memory runs out; the same step of fewer rows can be taken then.
        """
        ...

    def feed(self, rows: Sequence[int], tokens: Codes, position: int) -> None:
        """What one song's rows are told of codes that are known: tokens [S, K], positions `position` and on.

        Leaves in the rows what S steps leave, on a CPU bit for bit, in less time.
        """
        ...

    def open_codec(self) -> CodecStream: ...

    def close(self) -> None: ...


@runtime_checkable
class Drawing(Protocol):
    """A backend that guides and draws where its logits are, so that only codes come back."""

    def step_and_draw(
        self,
        tokens: Codes,
        positions: NDArray[np.int32],
        songs: Songs,
        knobs: Knobs,
        uniforms: NDArray[np.float64],
    ) -> tuple[Codes, NDArray[np.bool_]]:
        """A step, then for S songs, with uniforms [S, K], what engine/sampling.py does to its logits.

        -> codes [S, K], and which songs' logits were finite [S].
        """
        ...
