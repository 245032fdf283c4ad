"""Windows of sound and codes out of prepared sets: a function of seed, step and place, of nothing else."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from muscgen.errors import ConfigurationError
from muscgen.training.clips import Clip, Codes

_SOUND = ".flac"


@dataclass(frozen=True, slots=True)
class Sound:
    """One track's sound in a shard. start, size: in bytes."""

    id: str
    shard: Path
    start: int
    size: int

    def window(self, samples: int, along: float) -> NDArray[np.float32]:
        """So many samples [C, T], along 0 at the beginning, 1 at the end; padded with silence."""
        with soundfile.SoundFile(self._content()) as sound:
            return _read(sound, int(along * max(0, len(sound) - samples)), samples)

    def at(self, start: int, samples: int) -> NDArray[np.float32]:
        """So many samples [C, T] from a sample on; padded with silence."""
        with soundfile.SoundFile(self._content()) as sound:
            return _read(sound, min(start, len(sound)), samples)

    def _content(self) -> io.BytesIO:
        with self.shard.open("rb") as file:
            file.seek(self.start)
            return io.BytesIO(file.read(self.size))


@dataclass(frozen=True, slots=True)
class Pair:
    """A clip's codes and its sound, of `hop` samples a code."""

    clip: Clip
    sound: Sound
    hop: int

    def window(self, frames: int, chances: np.random.Generator) -> tuple[Codes, NDArray[np.float32]]:
        """codes [K, F] and what they sound like [C, T]; a clip that is shorter is repeated."""
        found = self.clip.codes()
        start = int(chances.integers(0, max(1, found.shape[1] - frames + 1)))
        there = min(frames, found.shape[1])
        sound = self.sound.at(start * self.hop, there * self.hop)
        times = -(-frames // there)
        samples = np.tile(sound, times)[:, : frames * self.hop]
        return np.tile(found[:, start : start + there], times)[:, :frames], samples


def pairs(clips: Sequence[Clip], tracks: Sequence[Sound], hop: int) -> list[Pair]:
    """Of the clips whose sound lies beside their codes."""
    beside = {(track.shard, track.id): track for track in tracks}
    return [Pair(clip, beside[clip.shard, clip.id], hop) for clip in clips if (clip.shard, clip.id) in beside]


def _read(sound: soundfile.SoundFile, start: int, samples: int) -> NDArray[np.float32]:
    sound.seek(start)
    found = sound.read(samples, dtype="float32", always_2d=True).T
    return np.pad(found, ((0, 0), (0, samples - found.shape[1])))


def sounds(
    shards: Sequence[Path], sample_rate: int, channels: int, *, everywhere: bool = True
) -> list[Sound]:
    """All tracks of the shards.

    Raises ConfigurationError for sound of another rate or width, and for shards of codes alone where there
    should be sound everywhere.
    """
    found = []
    for path in shards:
        with tarfile.open(path) as tar:
            here = [
                Sound(entry.name.removesuffix(_SOUND), path, entry.offset_data, entry.size)
                for entry in tar
                if entry.name.endswith(_SOUND)
            ]
        if not here and everywhere:
            raise ConfigurationError(
                f"{path} holds codes without sounds",
                param="data",
                suggestion="learn encoder, or a set of sounds",
            )
        found += here
    if found:
        _check(found[0], sample_rate, channels)
    return found


def draws(seed: int, step: int, place: int) -> np.random.Generator:
    """The chances of one batch."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 1, place, step]))


def heard(
    tracks: Sequence[Sound], samples: int, count: int, chances: np.random.Generator
) -> NDArray[np.float32]:
    """Windows of sound [B, C, T]."""
    chosen = chances.integers(0, len(tracks), count)
    return np.stack([tracks[n].window(samples, float(chances.random())) for n in chosen])


def codes(
    clips: Sequence[Clip], frames: int, count: int, exchange: float, chances: np.random.Generator
) -> Codes:
    """Windows of codes [B, K, F]; where they are exchanged, each codebook is of a clip and time of its own.

    So pairs of codes and their sound do not end. A clip that is shorter is repeated.
    """
    windows = []
    for _ in range(count):
        first = _codes(clips, frames, chances)
        if chances.random() < exchange:
            first = np.stack([_codes(clips, frames, chances)[k] for k in range(len(first))])
        windows.append(first)
    return np.stack(windows)


def _codes(clips: Sequence[Clip], frames: int, chances: np.random.Generator) -> Codes:
    found = clips[int(chances.integers(0, len(clips)))].codes()
    start = int(chances.integers(0, max(1, found.shape[1] - frames + 1)))
    window = found[:, start : start + frames]
    return np.tile(window, -(-frames // window.shape[1]))[:, :frames]


def _check(track: Sound, sample_rate: int, channels: int) -> None:
    with track.shard.open("rb") as file:
        file.seek(track.start)
        info = soundfile.info(io.BytesIO(file.read(track.size)))
    if (info.samplerate, info.channels) != (sample_rate, channels):
        raise ConfigurationError(
            f"{track.shard} holds {info.channels} channels at {info.samplerate} Hz; "
            f"the codec hears {channels} at {sample_rate}",
            param="data",
            suggestion="muscgen data prepare ... --codec BASE",
        )
