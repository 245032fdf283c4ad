"""The encoder learns on CPUs: from features of songs, played by the codec and by FluidSynth, in bf16.

A passage is heard window by window, and what the LSTM knows goes on from one to the next: where the beat is
cannot be told from three seconds that begin anywhere. What is drawn is a function of the passage's number.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinysong import analysis
from tinysong.dynamics import WIDTH
from tinysong.features import CHANNELS, Features
from tinysong.listener import Listener
from tinysong.pupil import Pupil
from tinysong.scales import Teaching

_SEED, _VALID = 20, 1 << 40
_TONES = 4 * analysis.TONES  # channels; behind them are drums
_BETAS = 0.9, 0.98
_SOFTER_DB, _LOUDER_DB, _TILT_DB = -12.0, 6.0, 3.0  # of the changed; tilt: an octave
_MUFFLED, _LEAST_OCTAVES, _MOST_OCTAVES, _ORDER = 0.3, 11.0, 13.5, 8  # share, cut in octaves of 1 Hz
_NOISY, _NOISE_DB = 0.6, (-60.0, -18.0)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learnt from, by name: rendered, exchanged, composed; noises as features.noises has them."""

    train: dict[str, Features]
    valid: dict[str, Features]
    noises: Floats
    size: Teaching

    def passages(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What is heard [N, F, 512], changed as foreign sound is, and codes [N, 4, F]; F: of all windows."""
        chances, size = np.random.default_rng((_SEED, number)), self.size
        counts = {"rendered": round(size.rendered * size.batch) if "rendered" in self.train else 0}
        counts["exchanged"] = round(size.exchange * (size.batch - counts["rendered"]))
        counts["composed"] = size.batch - sum(counts.values())
        drawn = [
            self.train[name].windows(count, size.passage, chances) for name, count in counts.items() if count
        ]
        heard = np.concatenate([one for one, _ in drawn])
        changed(heard, self.noises, size.changed, chances)
        return tensor(heard), torch.from_numpy(np.concatenate([codes for _, codes in drawn]))

    def judge(self, listener: Listener) -> dict[str, list[float]]:
        """Of each set that judges, the loss and by codebook how many codes are right."""
        found = {}
        for name, features in self.valid.items():
            chances = np.random.default_rng((_SEED, _VALID))
            heard, codes = features.windows(self.size.batch, self.size.passage, chances)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                (said, _), told = listener(tensor(heard)), torch.from_numpy(codes)
            figures = [float(listener.loss(said, told)), *listener.right(said, told)]
            found[name] = [round(figure, 4) for figure in figures]
        return found


def learn(encoder: Any, lessons: Lessons, place: Path) -> None:  # noqa: ANN401
    """The encoder, in place; `place` has what a run that was killed goes on from, and a log."""
    listener, size = Listener(encoder), lessons.size
    pupil = Pupil(listener, size, _BETAS, place)

    def passage() -> list[float]:
        """A step of each window, up to the last step of all."""
        heard, codes = lessons.passages(pupil.step // size.windows)
        windows = zip(heard.split(size.frames, 1), codes.split(size.frames, 2), strict=True)
        known, losses = None, []
        for window, told in itertools.islice(windows, size.steps - pupil.step):
            with torch.autocast("cpu", torch.bfloat16):
                said, known = listener(window, known)
            inner = slice(listener.reach, -listener.reach)  # whose neighbours are all in the window
            losses.append(pupil.learn(listener.loss(said[:, inner], told[:, :, inner])))
        return losses

    pupil.attend(passage, lambda: lessons.judge(listener))
    with pupil.average.worn():
        listener.put_into(encoder)


def changed(heard: Floats, noises: Floats, share: float, chances: np.random.Generator) -> None:
    """In place, a share of windows [N, F, 510]: softer or louder, tilted, muffled, with noise."""
    hz = analysis.LOWEST_HZ * 2 ** (np.arange(analysis.TONES) / 12)
    for n in np.flatnonzero(chances.random(len(heard)) < share):
        level = 10 ** (chances.uniform(-_TILT_DB, _TILT_DB) * np.log2(hz / 1_000) / 20)
        if chances.random() < _MUFFLED:
            level /= np.sqrt(1 + (hz / 2 ** chances.uniform(_LEAST_OCTAVES, _MOST_OCTAVES)) ** _ORDER)
        heard[n, :, :_TONES] *= np.repeat(level, 4)
        heard[n] *= 10 ** (chances.uniform(_SOFTER_DB, _LOUDER_DB) / 20)
        if chances.random() < _NOISY:
            noise = noises[chances.integers(len(noises))]
            first = chances.integers(0, len(noise) - heard.shape[1] + 1)
            heard[n] += 10 ** (chances.uniform(*_NOISE_DB) / 20) * noise[first : first + heard.shape[1]]


def tensor(heard: Floats) -> torch.Tensor:
    """[N, F, 510] -> [N, F, 512], as an encoder's LSTM takes it."""
    return torch.from_numpy(np.pad(heard, ((0, 0), (0, 0), (0, WIDTH - CHANNELS))))
