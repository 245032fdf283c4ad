"""Songs as the encoder's LSTM is given them: what the front says of every frame, and the codes; on the disk.

Half precision, without the two channels that are always zero: 1 kB a frame. Read by pieces, never whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from muscgen.data.place import written
from muscgen.data.readers import packs
from muscgen.data.spoken import beside
from tinysong import analysis, meaning
from tinysong.shortcut import Shortcut

CHANNELS = 4 * analysis.TONES + analysis.DRUMS
_AT_ONCE = 32  # songs
_EVENNESS = 0.7  # 0: tempi as songs have them; 1: each as often
Song = tuple[NDArray[np.integer], NDArray[np.float32]]  # codes [4, F], what is heard of them [F, 510]
Asked = tuple[NDArray[np.integer], str]  # codes [4, F], what somebody would have asked for to get them


class Pieces:
    """Songs as codes [4, all frames], one after another. starts: of each, and where the last one ends."""

    def __init__(self, codes: NDArray[np.integer], starts: NDArray[np.integer]) -> None:
        self.codes, self.starts = codes, starts
        self.lengths = np.diff(starts)
        self.wanted = self.lengths * _rarity(codes, starts)

    @classmethod
    def of(cls, songs: Sequence[NDArray[np.integer]]) -> Pieces:
        lengths = [song.shape[1] for song in songs]
        return cls(np.hstack(songs).astype(np.int16), np.cumsum([0, *lengths]))

    def spans(
        self, count: int, frames: int, chances: np.random.Generator, openings: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Songs [N] that are long enough, and of each a first frame of so many.

        openings: the share that begins where a song does. Songs of rare tempi come more often: else slow ones
        are few, and their clock is not learnt.
        """
        long = np.flatnonzero(self.lengths >= frames)
        songs = chances.choice(long, count, p=self.wanted[long] / self.wanted[long].sum())
        within = chances.integers(0, self.lengths[songs] - frames + 1)
        if openings:
            within[chances.random(count) < openings] = 0
        return songs, self.starts[songs] + within

    def cut(self, firsts: NDArray[np.int64], frames: int) -> NDArray[np.int64]:
        """Codes [N, 4, F]."""
        return np.stack([self.codes[:, first : first + frames] for first in firsts]).astype(np.int64)


class Features(Pieces):
    """A set that `store` wrote."""

    def __init__(self, path: Path) -> None:
        self.heard = np.load(path / "heard.npy", mmap_mode="r")
        with np.load(path / "codes.npz") as stored:
            super().__init__(stored["codes"], stored["starts"])

    def hear(self, firsts: NDArray[np.int64], frames: int) -> NDArray[np.float32]:
        """What is heard [N, F, 510]."""
        return np.stack([self.heard[first : first + frames] for first in firsts]).astype(np.float32)

    def windows(
        self, count: int, frames: int, chances: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What is heard, and codes, of so many."""
        _, firsts = self.spans(count, frames, chances)
        return self.hear(firsts, frames), self.cut(firsts, frames)


def _rarity(codes: NDArray[np.integer], starts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of each song, by how long its sixteenths are beside other songs'."""
    frames = np.where(np.arange(meaning.SIZE), meaning.places(0)[:, meaning.FRAME], 0)
    longest = np.array([frames[codes[0, a:b]].max(initial=0) for a, b in pairwise(starts)], int)
    _, which, counts = np.unique(longest, return_inverse=True, return_counts=True)
    found: NDArray[np.float64] = (counts[which] / len(longest)) ** -_EVENNESS
    return found


def store(songs: Iterable[Song], path: Path) -> int:
    """Frames written. The codes come last: a set whose codes are there is whole."""
    path.mkdir(parents=True, exist_ok=True)
    codes, lengths = [], [0]
    with (path / "heard.part").open("wb") as file:
        for told, heard in songs:
            heard.astype(np.float16).tofile(file)
            codes.append(told.astype(np.int16))
            lengths.append(told.shape[1])
    starts = np.cumsum(lengths)
    raw = np.memmap(path / "heard.part", np.float16, "r", shape=(int(starts[-1]), CHANNELS))
    np.save(path / "heard.npy", raw)
    (path / "heard.part").unlink()
    with written(path / "codes.npz") as out:
        np.savez(out, codes=np.hstack(codes), starts=starts)
    return int(starts[-1])


def composed(folder: Path, split: str) -> list[Asked]:
    """Songs of a split's packs; of stereo songs each side is one."""
    found = []
    for path in sorted(folder.glob(f"{split}-*{packs.ENDING}")):
        pack = packs.opened(path)
        sides = len(pack.codes) // meaning.BOOKS
        lines = path.with_name(path.name.removesuffix(packs.ENDING) + ".jsonl").read_text("utf-8")
        for (first, frames), line in zip(pack.spans, lines.splitlines(), strict=True):
            song = pack.codes[:, first : first + frames]
            found += [(song[side::sides], json.loads(line)["description"]) for side in range(sides)]
    return found


def exchanged(
    songs: list[NDArray[np.integer]], count: int, chances: np.random.Generator
) -> Iterator[NDArray[np.integer]]:
    """Each codebook is another song's, so that nothing can be told from what goes with it."""
    for _ in range(count):
        drawn = [songs[n] for n in chances.integers(0, len(songs), meaning.BOOKS)]
        frames = min(song.shape[1] for song in drawn)
        yield np.stack([song[book, :frames] for book, song in enumerate(drawn)])


def played(songs: Iterable[NDArray[np.integer]], shortcut: Shortcut) -> Iterator[Song]:
    """By the codec's decoder, the shortest first."""
    waiting = sorted(songs, key=lambda song: song.shape[1])
    for first in range(0, len(waiting), _AT_ONCE):
        part = waiting[first : first + _AT_ONCE]
        longest = part[-1].shape[1]
        padded = [np.pad(song, ((0, 0), (0, longest - song.shape[1]))) for song in part]
        heard = shortcut.of_codes(torch.from_numpy(np.stack(padded).astype(np.int64)))
        for song, row in zip(part, heard.numpy(), strict=True):
            yield song, row[: song.shape[1], :CHANNELS]


def rendered(sounds: Iterable[Path], shortcut: Shortcut) -> Iterator[Song]:
    """By FluidSynth."""
    for path in sounds:
        samples, _ = soundfile.read(path, dtype="float32")
        with np.load(beside(path)) as stored:
            codes = stored["codes"]
        frames = min(codes.shape[1], len(samples) // meaning.HOP)
        heard = shortcut.of_sound(torch.from_numpy(samples[: frames * meaning.HOP]))
        yield codes[:, :frames], heard.numpy()[:, :CHANNELS]


def noises(shortcut: Shortcut, seconds: float, chances: np.random.Generator) -> NDArray[np.float32]:
    """[colours, F, 510]: noises of 0.1, from white to brown."""
    count = round(seconds * meaning.FRAMES_S) * meaning.HOP
    found = []
    for slope in np.linspace(0, 2, 9):
        lines = np.fft.rfft(chances.standard_normal(count))
        hz = np.maximum(np.fft.rfftfreq(count, 1 / meaning.RATE_HZ), 30)
        sound = np.fft.irfft(lines / hz ** (slope / 2), count)
        sound = torch.from_numpy((0.1 * sound / sound.std()).astype(np.float32))
        found.append(shortcut.of_sound(sound).numpy()[:, :CHANNELS])
    return np.stack(found)
