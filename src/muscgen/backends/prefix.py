"""What a melody model puts before the codes: its chroma, projected, then its text.

                 position in the slab   0 .......... 234 235 ......... 250 251 252 ...
    the row                             [ melody       ][ text           ][ codes
                 position of the step  -251 ................           -1    0   1

The unconditional row of guidance has the null melody (the first bin, always) and as many zeros as the text
beside it has tokens, as in transformers' MusicgenMelodyForConditionalGeneration.generate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Melody, TextStates
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import MelodyConfig

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """An encoded prompt of a melody model: its projected states [L, H]."""

    states: Floats

    @property
    def nbytes(self) -> int:
        return self.states.nbytes


def words_of(text: TextStates | None) -> Words | None:
    """Raises TypeError for what another model has encoded."""
    if text is not None and not isinstance(text, Words):
        raise TypeError(f"{type(text).__name__} was not made by this backend's encode_text")
    return text


def null_words(beside: TextStates | None) -> Words | None:
    """As many zeros as the text beside it has tokens."""
    words = words_of(beside)
    return None if words is None else Words(np.zeros_like(words.states))


class Prefixes:
    """The prefix of every row of a slab."""

    def __init__(self, checkpoint: Checkpoint, melody: MelodyConfig, rows: int) -> None:
        self._melody = melody
        self._projection = checkpoint.tensor("audio_enc_to_dec_proj.weight")
        self._bias = checkpoint.tensor("audio_enc_to_dec_proj.bias")
        self._rows: list[Floats] = [np.zeros((1, len(self._bias)), np.float32)] * rows

    def open(self, row: int, text: TextStates | None, melody: Melody | None) -> int:
        """Give the row its prefix; how many positions that has. Raises ValueError for another's melody."""
        words = words_of(text)
        chroma = self._null() if melody is None else melody
        if chroma.shape != (self._melody.frames, self._melody.bins):
            raise ValueError(f"a melody is [{self._melody.frames}, {self._melody.bins}], not {chroma.shape}")
        parts = [chroma @ self._projection.T + self._bias, *([words.states] if words else [])]
        self._rows[row] = np.concatenate(parts).astype(np.float32)
        return len(self._rows[row])

    def length(self, row: int) -> int:
        return len(self._rows[row])

    def move(self, source: int, target: int) -> None:
        self._rows[target] = self._rows[source]

    def at(self, rows: Sequence[int], positions: NDArray[np.int32]) -> tuple[NDArray[np.int32], Floats]:
        """Steps' rows and positions [N] -> places in the slab [N], and the prefix's vectors [N, H] there.

        A row whose prefix is shorter than its companion's waits at its first place, which it writes again.
        """
        lengths = np.array([self.length(row) for row in rows])
        places = np.maximum(positions + lengths, 0).astype(np.int32)
        at = np.minimum(places, lengths - 1).tolist()
        return places, np.stack([self._rows[row][place] for row, place in zip(rows, at, strict=True)])

    def _null(self) -> Melody:
        null = np.zeros((self._melody.frames, self._melody.bins), np.float32)
        null[:, 0] = 1
        return null
