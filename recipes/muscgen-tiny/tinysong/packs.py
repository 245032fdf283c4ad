"""Packs of composed songs as `muscgen data prepare codes` reads them: codes and words, and no sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from muscgen.data.place import write, written
from muscgen.data.readers.packs import ENDING
from tinysong.composer import compose
from tinysong.songs import FIRST_SEED, SPLITS, said

EACH = 500  # songs of a pack
_LONG_EVERY, _LONGER = 4, 2  # songs, times: windows from within longer ones are learnt too
_ARTIST = "muscgen-tiny's composer, book of {split}"


@dataclass(frozen=True, slots=True)
class Packs:
    """Where they go; songs of so many seconds, in one channel or two; books: of which codebooks."""

    path: Path
    seconds: float
    books: str
    stereo: bool = False

    def fill(self, counts: dict[str, int], jobs: int) -> Iterator[int]:
        """Packs that are not there are made; how many songs are there, after each."""
        wanted = [
            (split, first, min(first + EACH, counts[split]))
            for split in SPLITS
            for first in range(0, counts[split], EACH)
        ]
        done = 0
        with ProcessPoolExecutor(min(jobs, len(wanted)), get_context("spawn")) as pool:
            for count in pool.map(partial(_made, self), wanted):
                done += count
                yield done


def _made(packs: Packs, wanted: tuple[str, int, int]) -> int:
    """The codes are written last: a pack whose codes are there is whole."""
    split, first, end = wanted
    path = packs.path / f"{split}-{first:06d}{ENDING}"
    if not path.is_file():
        songs, lines = [], []
        for seed in range(FIRST_SEED[split] + first, FIRST_SEED[split] + end):
            score = compose(seed, packs.seconds * (1 if seed % _LONG_EVERY else _LONGER))
            songs.append(score.codes_stereo() if packs.stereo else score.codes())
            lines.append(json.dumps(said(score, seed, split, _ARTIST)))
        write(path.with_name(path.name.removesuffix(ENDING) + ".jsonl"), "\n".join([*lines, ""]).encode())
        starts = np.cumsum([0, *(song.shape[1] for song in songs[:-1])])
        with written(path) as file:
            np.savez(file, books=np.array(packs.books), codes=np.hstack(songs), starts=starts)
    return end - first
