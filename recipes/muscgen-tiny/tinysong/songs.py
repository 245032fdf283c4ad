"""A folder of songs as `muscgen data prepare folder` reads it: sounds, what they are, and their codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from muscgen.data.place import write, written
from muscgen.data.spoken import beside
from tinysong import meaning
from tinysong.composer import compose
from tinysong.render import sound
from tinysong.saying import moods
from tinysong.score import Score
from tinysong.words import caption

SPLITS = ("train", "valid", "test")
_LICENCE = "CC0-1.0"  # of the pieces; the sounds of instruments are FluidR3's, whose licence names its author
_ARTIST = "muscgen-tiny's composer, book of {split}; instruments: FluidR3 by Frank Wen (MIT licence)"
FIRST_SEED = {"train": 1_000_000, "valid": 2_000_000, "test": 3_000_000}  # never alike


@dataclass(frozen=True, slots=True)
class Folder:
    """Where songs go, of how many seconds, by which SoundFont, with codes of which codebooks."""

    path: Path
    seconds: float
    soundfont: Path
    books: str

    def fill(self, counts: dict[str, int], jobs: int) -> Iterator[int]:
        """Songs that are not there are made; how many are there, after each."""
        wanted = [(split, n) for split in SPLITS for n in range(counts[split])]
        with ThreadPoolExecutor(jobs) as pool:  # FluidSynth is a process of its own
            for done, _ in enumerate(pool.map(partial(_made, self), wanted), 1):
                yield done


def _made(folder: Folder, wanted: tuple[str, int]) -> None:
    """The sound is written last: a song whose sound is there is whole."""
    split, number = wanted
    path = folder.path / split / f"{number:06d}.wav"
    if path.is_file():
        return
    seed = FIRST_SEED[split] + number
    score = compose(seed, folder.seconds)
    write(path.with_suffix(".json"), json.dumps(said(score, seed, split, _ARTIST), indent=1).encode())
    with written(beside(path)) as file:
        np.savez_compressed(file, books=np.array(folder.books), codes=score.codes())
    with written(path) as file:
        samples = sound(score, folder.soundfont)
        soundfile.write(file, samples, meaning.RATE_HZ, format="WAV", subtype="PCM_16")


def said(score: Score, seed: int, split: str, artist: str) -> dict[str, Any]:
    """What its owner says of it; artist: with a place for the split."""
    players = (score.lead, score.harmony, score.bass, f"{score.kit} drums" if score.kit else "")
    return {
        "title": f"{score.style} {seed}",
        "artist": artist.format(split=split),
        "license": _LICENCE,
        "split": split,
        "description": caption(score, seed),
        "genre": score.style,
        "moods": moods(score)[:3],
        "instrument": list(dict.fromkeys(filter(None, players))),
        "bpm": round(score.tempo_bpm, 2),
        "key": score.key_name,
    }
