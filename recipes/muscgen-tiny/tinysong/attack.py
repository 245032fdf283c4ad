"""Notes begin as they do in the SoundFont: struck ones are loudest at once, not after two frames.

The first codec's notes were measured by windows of 40 ms, half of the first of which lies before the note.
So every attack came out as a slow swell. Here each instrument's notes are played by FluidSynth and by the
codec, both loudnesses are followed every 5 ms, and the sound of its first ages is made louder or softer until
the second is the first, as far as the codec's windows allow. Later ages, and which partials sound, stay.
The gains that came of it lie in attacks.json, so that a base is the same, and made, where no FluidSynth is.
The shipped codec has them since: measured against it, what is left to do is near 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from tinysong import meaning
from tinysong.dynamics import OSCILLATORS
from tinysong.render import sound
from tinysong.score import Note, Part, Score

STORED = Path(__file__).with_name("attacks.json")
_EARLY = 7  # frames: ages that begin later stay
_FRAMES, _SLOTS, _NOTES = 24, 8, 5  # of an envelope; sixteenths between notes, of 12 frames
_BIN = 160  # samples
_ATTACK, _HEARD = slice(0, 3), 2.0  # frames that weigh more
_STEADY = slice(8, 20)  # frames by which loudnesses are held against each other
_LEAST, _MOST = 0.6, 3.0  # gains
_VELOCITY = 100
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """One instrument of a part, and its codes: a row an age [pitches, ages] of the part's codebook."""

    part: Part
    book: int
    name: str
    ages: tuple[int, ...]
    codes: NDArray[np.int64]


def voices() -> Iterator[Voice]:
    parts: tuple[tuple[Part, tuple[str, ...], int, tuple[int, ...]], ...] = (
        ("bass", meaning.BASSES, meaning.BASS_PITCHES, meaning.BASS_AGES),
        ("harmony", meaning.HARMONIES, 12 * len(meaning.QUALITIES), meaning.AGES),
        ("lead", tuple(meaning.LEADS), meaning.LEAD_PITCHES, meaning.AGES),
    )
    for book, (part, names, pitches, ages) in enumerate(parts, 1):
        codes = 1 + np.arange(len(names) * pitches * len(ages)).reshape(len(names), pitches, len(ages))
        for name, mine in zip(names, codes, strict=True):
            yield Voice(part, book, name, ages, mine)


def measured(codec: Any, soundfont: Path) -> dict[str, dict[str, list[float]]]:  # noqa: ANN401
    """Gains by part and instrument, as attacks.json holds them. Raises CalledProcessError of FluidSynth."""
    found: dict[str, dict[str, list[float]]] = {}
    for voice in voices():
        of_part = found.setdefault(voice.part, {})
        of_part[voice.name] = [round(float(gain), 4) for gain in gains(codec, voice, soundfont)]
    return found


@torch.no_grad()
def sharpen(codec: Any) -> None:  # noqa: ANN401  (transformers' EncodecModel)
    """In place, by the stored gains."""
    stored = json.loads(STORED.read_text("utf-8"))
    for voice in voices():
        codebook = codec.quantizer.layers[voice.book].codebook
        for age, gain in enumerate(stored[voice.part][voice.name]):
            codebook.embed[torch.from_numpy(voice.codes[:, age]), :OSCILLATORS] *= gain
        codebook.embed_avg.copy_(codebook.embed)


@torch.no_grad()
def gains(codec: Any, voice: Voice, soundfont: Path) -> Floats:  # noqa: ANN401
    """[ages]; 1 for the later ones."""
    score = _notes(voice)
    codes = torch.from_numpy(score.codes().astype(np.int64))
    ours = codec.decode(codes[None, None], [None])[0][0, 0].double().numpy()
    wanted, found = envelope(sound(score, soundfont)), envelope(ours)
    frames = _windows() * nnls(_windows(), found)[0]  # [bins, frames]: what each frame gives to the envelope
    begins = [first for first in voice.ages if first < _EARLY]
    ends = [*voice.ages[1 : len(begins)], voice.ages[len(begins)]]
    early = [frames[:, first:end].sum(axis=1) for first, end in zip(begins, ends, strict=True)]
    rest = wanted - frames[:, ends[-1] :].sum(axis=1)
    weights = np.where(np.arange(len(wanted)) < _bins(_ATTACK).stop, _HEARD, 1.0)
    best = nnls(np.stack(early, axis=1) * weights[:, None], rest * weights)[0]
    return np.concatenate([np.clip(best, _LEAST, _MOST), np.ones(len(voice.ages) - len(begins))])


def envelope(samples: NDArray[np.floating]) -> Floats:
    """Of the score of `_notes`: loudness every 5 ms from 10 ms before a note, the mean of its notes."""
    step, before = _SLOTS * 12 * meaning.HOP, meaning.HOP // 2
    found = []
    for n in range(1, _NOTES):
        part = samples[n * step - before : n * step - before + _FRAMES * meaning.HOP].astype(np.float64)
        found.append(np.sqrt((part.reshape(-1, _BIN) ** 2).mean(axis=1)))
    return np.mean([one / one[_bins(_STEADY)].mean() for one in found], axis=0)


@lru_cache(1)
def _windows() -> Floats:
    """How much of each frame sounds every 5 ms: Hann windows of 40 ms [bins, frames]."""
    bins = (np.arange(_FRAMES * meaning.HOP // _BIN) + 0.5) * _BIN - meaning.HOP // 2
    centres = np.arange(_FRAMES) * meaning.HOP + meaning.HOP // 2
    away = np.abs(bins[:, None] - centres) / meaning.HOP
    return np.where(away < 1, 0.5 + 0.5 * np.cos(np.pi * away), 0.0)


def _notes(voice: Voice) -> Score:
    """A few of its notes, far apart; chords on several roots."""
    names = {part: voice.name if part == voice.part else "" for part in ("bass", "harmony", "lead")}
    score = Score(
        *("", 12, 0, False, 4), **names, kit="", length=_NOTES * _SLOTS
    )  # fmt: skip
    lowest = {"bass": meaning.BASS_LOW, "harmony": 0}.get(voice.part) or meaning.LEADS.get(voice.name, 0)
    for n in range(_NOTES):
        quality = "maj" if voice.part == "harmony" else ""
        pitch = lowest + (2 if voice.part == "harmony" else 4) * n
        score.notes.append(Note(voice.part, n * _SLOTS, _SLOTS - 1, pitch, _VELOCITY, quality))
    return score


def _bins(frames: slice) -> slice:
    each = meaning.HOP // _BIN
    return slice(frames.start * each, frames.stop * each)
