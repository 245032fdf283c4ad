"""The language model learns to go on from what the encoder hears.

Codes that are heard are not quite those that were played: the clock stumbles, above all in the first
seconds. A language model that learnt from exact codes alone takes a stumbling clock for another tempo. So
it is given the beginning of a song as the encoder hears it, and learns what was played after it; and between
such songs it learns from exact ones, as before, so that nothing is forgotten. What learns is the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from muscgen.engine.delay import DelayPattern
from muscgen.training.batches import IGNORED, Shape, together
from muscgen.training.speaker import Lesson, Speaker
from muscgen.training.texts import Texts
from tinysong import meaning
from tinysong.ears import Weights
from tinysong.features import Features, Pieces
from tinysong.lessons import changed, tensor
from tinysong.listener import Listener
from tinysong.pupil import Pupil
from tinysong.scales import Continuing

_SEED, _VALID = 21, 1 << 40
_DELAYS, _SPECIAL = tuple(range(meaning.BOOKS)), meaning.SIZE
_BETAS = 0.9, 0.95
_CHANGED = 0.5  # of what is heard, as foreign sound is
_UNHEARD = 0.5  # of steps, whose songs are exact from the beginning
_SPOKEN_FIRST, _SPOKEN_LATER = 0.9, 0.5  # songs whose words are said: where nothing was heard, and after it
Floats, Codes, Firsts = NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Songs:
    """pieces, and what somebody would have asked for to get each."""

    pieces: Pieces
    words: Sequence[str]

    def cut(
        self, count: int, frames: int, chances: np.random.Generator, openings: float = 0.0
    ) -> tuple[Firsts, Codes, list[str]]:
        """So many: where they begin, codes [N, 4, F], and their words."""
        songs, firsts = self.pieces.spans(count, frames, chances, openings)
        return firsts, self.pieces.cut(firsts, frames), [self.words[n] for n in songs]


@dataclass(frozen=True, slots=True)
class Passages:
    """What is learnt from.

    exact: songs as they are. heard, valid: by who plays them, rendered or composed, with features; songs that
    the encoder did not learn from, else it hears them too well. noises as features.noises has them.
    """

    exact: Songs
    heard: dict[str, Songs]
    valid: dict[str, Songs]
    noises: Floats
    size: Continuing
    listener: Listener
    texts: Texts

    def lesson(self, step: int) -> Lesson:
        """A function of the step, and of nothing else."""
        chances = np.random.default_rng((_SEED, step))
        if chances.random() < _UNHEARD:
            return self._of_exact(self.exact, chances)
        frames = int(chances.integers(self.size.fewest, self.size.most + 1))
        whole = int(chances.integers(frames + self.size.frames, self.size.whole + 1))
        return self._of_heard(self.heard, frames, whole, chances)

    def judging(self) -> Iterator[tuple[str, Lesson]]:
        """Of each set that judges, a lesson of which nothing is heard, and one of which much is."""
        for name, songs in self.valid.items():
            yield f"{name}, exact", self._of_exact(songs, np.random.default_rng((_SEED, _VALID)))
            chances = np.random.default_rng((_SEED, _VALID))
            most = self.size.most
            yield f"{name}, heard", self._of_heard({name: songs}, most, most + self.size.frames, chances)

    def _of_exact(self, songs: Songs, chances: np.random.Generator) -> Lesson:
        size = self.size
        _, codes, words = songs.cut(size.batch, size.whole, chances, size.openings)
        return self._lesson(words, chances.random(len(words)) < _SPOKEN_FIRST, _labels(codes))

    def _of_heard(
        self, sets: dict[str, Songs], frames: int, whole: int, chances: np.random.Generator
    ) -> Lesson:
        """frames: that are heard, of so many. Each of the sets has its part of the batch."""
        played, heard, words = [], [], []
        for songs in sets.values():
            count = self.size.batch // len(sets)
            firsts, codes, asked = songs.cut(count, whole, chances)
            assert isinstance(songs.pieces, Features)  # noqa: S101
            features = songs.pieces.hear(firsts, frames)
            changed(features, self.noises, _CHANGED, chances)
            played.append(codes)
            heard.append(np.concatenate([self._hear(features), codes[..., frames:]], 2))
            words += asked
        spoken = chances.random(len(words)) < _SPOKEN_LATER
        return self._lesson(words, spoken, _labels(np.concatenate(played), frames), np.concatenate(heard))

    @torch.no_grad()
    def _hear(self, features: Floats) -> Codes:
        """[N, F, 510] -> [N, 4, F]; nothing is known of what was before."""
        with torch.autocast("cpu", torch.bfloat16):
            said, _ = self.listener(tensor(features))
        return self.listener.nearest(said).numpy()

    def _lesson(
        self, words: list[str], spoken: NDArray[np.bool_], labels: torch.Tensor, fed: Codes | None = None
    ) -> Lesson:
        ids, mask = self.texts(words)
        given = None if fed is None else _labels(fed)
        return Lesson(ids, mask, torch.from_numpy(spoken), labels, given)


def _labels(codes: Codes, unlearnt: int = 0) -> torch.Tensor:
    """[N, 4, F] -> what each step yields [N, S, 4]; of the first frames nothing is learnt."""
    shape = Shape(codes.shape[2], _DELAYS, _SPECIAL)
    labels, pattern = together([*codes], shape), DelayPattern(_DELAYS, shape.frames)
    labels[:, pattern.has_code() & (pattern.frame_at() < unlearnt)] = IGNORED
    return torch.from_numpy(labels)


def learn(model: Any, passages: Passages, place: Path) -> Weights:  # noqa: ANN401
    """transformers' MusicGen, in place. Returns the decoder's weights, by a model's names.

    They lie between what it knew and what it learnt: that goes on as well, and keeps to its words better
    (Wortsman et al., 2022). `place` has what a run that was killed goes on from, and a log.
    """
    model.requires_grad_(False)
    known = {name: weight.clone() for name, weight in model.decoder.state_dict().items()}
    decoder = model.decoder.requires_grad_(True)
    pupil, speaker = Pupil(decoder, passages.size, _BETAS, place), Speaker(model, halves=True)

    def lesson() -> list[float]:
        return [pupil.learn(speaker(passages.lesson(pupil.step)))]

    @torch.no_grad()
    def judge() -> dict[str, float]:
        return {name: round(float(speaker(one)), 4) for name, one in passages.judging()}

    pupil.attend(lesson, judge)
    with pupil.average.worn():
        learnt, taken = decoder.state_dict(), passages.size.taken
        return {f"decoder.{name}": weight.lerp(learnt[name], taken) for name, weight in known.items()}
