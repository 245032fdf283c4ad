"""Which windows a step learns from, and under which words: a function of seed, step and place, and of nothing
else. So a run that goes on sees what it would have seen, and no two processes see the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.engine.delay import DelayPattern
from muscgen.training.clips import Clip, Codes
from muscgen.training.config import Words

IGNORED = -100  # transformers' label for what is not learnt


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """labels: what each step yields [B, S, K], the special token where no code is, IGNORED behind the end.

    texts: captions; an empty one is a window that is learnt without words.
    """

    labels: NDArray[np.int64]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a window: frames, the codebooks' delays, the special token."""

    frames: int
    delays: tuple[int, ...]
    special: int


class Batches:
    """Draws windows from clips, each clip as often as it is long.

    openings: the share that begins where the clip does; the others begin anywhere.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        shape: Shape,
        words: Words,
        seed: int,
        size: int,
        openings: float = 0.0,
    ) -> None:
        self._clips, self._shape, self._words = clips, shape, words
        self._seed, self._size, self._openings = seed, size, openings
        lengths = np.array([max(1, clip.size) for clip in clips], np.float64)
        self._chances = np.cumsum(lengths / lengths.sum())

    def at(self, step: int, place: int) -> Windows:
        """place: which of the batches of that step, over accumulation and processes."""
        draws = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, 0, place, step]))
        chosen = [self._clips[self._draw(draws)] for _ in range(self._size)]
        cuts = [self._cut(clip, draws) for clip in chosen]
        texts = tuple(self._text(clip, draws) for clip in chosen)
        return Windows(together(cuts, self._shape), texts)

    def _draw(self, draws: np.random.Generator) -> int:
        return min(int(np.searchsorted(self._chances, draws.random(), side="right")), len(self._clips) - 1)

    def _cut(self, clip: Clip, draws: np.random.Generator) -> Codes:
        codes = clip.codes()
        room = codes.shape[1] - self._shape.frames
        opens = draws.random() < self._openings if self._openings else False
        start = int(draws.integers(0, room + 1)) if room > 0 and not opens else 0
        return codes[:, start : start + self._shape.frames]

    def _text(self, clip: Clip, draws: np.random.Generator) -> str:
        dropped, added = draws.random() < self._words.drop, draws.random() < self._words.add_facts
        return "" if dropped else with_facts(clip) if added else clip.caption


def with_facts(clip: Clip) -> str:
    """The caption, and the tempo and key that it does not name."""
    facts = [f"{clip.tempo_bpm:g} bpm" if clip.tempo_bpm else "", clip.key]
    more = [fact for fact in facts if fact and fact.lower() not in clip.caption.lower()]
    return ". ".join([clip.caption.rstrip("."), ", ".join(more)]) if more else clip.caption


def exchanged(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """For each of a batch's texts the next that is not the same: behind it, before it, or of the others.

    One that is alone stays.
    """
    return tuple(
        next((other for other in (*texts[n + 1 :], *texts[:n], *others) if other != text), text)
        for n, text in enumerate(texts)
    )


def together(cuts: Sequence[Codes], shape: Shape) -> NDArray[np.int64]:
    """Cuts [K, F] of any length as labels of one length [B, S, K]."""
    patterns = [DelayPattern(shape.delays, codes.shape[1]) for codes in cuts]
    longest = max(pattern.steps for pattern in patterns)
    labels = np.full((len(cuts), longest, len(shape.delays)), IGNORED, np.int64)
    for row, pattern, codes in zip(labels, patterns, cuts, strict=True):
        row[: pattern.steps] = pattern.apply(codes.astype(np.int32), shape.special)
    return labels
