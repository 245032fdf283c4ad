"""What somebody learns from marked songs who knows all of this code and not the key.

He looks at the cells as the detector does: of the song that he wants to rid of its mark; of many songs, whose
mean he takes; of songs of the same round, where somebody told him which those are and where they begin. He
writes what he has learnt upside down into a marked song, and as it is into a song of his own. He also tries
what needs no learning: a song with and without its mark, whose difference he gives to a song of his own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.watermark import peaq
from benchmarks.watermark.material import Track, at_rate
from benchmarks.watermark.survival import SECRET
from muscgen.audio import Audio
from muscgen.provenance.watermark import Payload, detect, embed
from muscgen.provenance.watermark.embed import Writer
from muscgen.provenance.watermark.grid import BANDS, CELL_S, ROUND
from muscgen.provenance.watermark.levels import STEPS, cells, views
from muscgen.provenance.watermark.pattern import begins, spoken

_FIRST_STEP = -4.0  # a song's first cell begins half a frame before it
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learnt:
    """source: what was learnt from. right: share of the victim's signs that are right.

    removed: songs, of `tried`, in which the mark was not found any more after the learnt signs had been
    written into them upside down; odg: how well the change hides (peaq.py), the median. twice: with double
    strength. copied: songs without a mark in which one was found after the learnt signs had been written into
    them, with the payload of a song that was learnt from; forged: with any other payload.
    """

    source: str
    right: float
    tried: int
    removed: int
    odg: float
    removed_twice: int
    odg_twice: float
    copied: int
    forged: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(tracks: Sequence[Track], counts: Sequence[int], tried: int) -> list[Learnt]:
    """counts: of songs of the same round that he has. tried: songs to remove it from and to forge."""
    names = _names(len(tracks))
    marked = [_Marked.of(track, name) for track, name in zip(tracks, names, strict=True)]
    known, victims = marked[:-tried], marked[-tried:]
    dice = np.random.default_rng(5)
    anything = [dice.choice([-1.0, 1.0], (ROUND, BANDS)) for _ in victims]
    strangers = [_Marked.of(track, f"any {at}") for at, track in enumerate(tracks[:-tried])]
    mean = np.sum([song.heard for song in strangers], axis=0)
    rows = [
        _tried("nothing: signs at random", [], victims, anything),
        _tried("the song itself", victims, victims, [song.heard for song in victims]),
        _tried(f"{len(strangers)} songs of any rounds", strangers, victims, [mean] * tried),
    ]
    for count in counts:
        if count <= len(known):
            total = np.sum([np.roll(song.heard, song.first, axis=0) for song in known[:count]], axis=0)
            learnt = [np.roll(total, -song.first, axis=0) for song in victims]
            rows.append(_tried(f"{count} other songs of its round", known[:count], victims, learnt))
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Marked:
    """heard: its cells from its beginning on [ROUND, BANDS]. first: the place of the first in the round."""

    clean: Audio
    audio: Audio
    payload: Payload
    first: int
    heard: NDArray[np.float64]

    @classmethod
    def of(cls, track: Track, name: str) -> _Marked:
        payload = Payload.of(4_711, 1, name)
        audio = embed(track.audio, SECRET, payload)
        return cls(track.audio, audio, payload, begins(SECRET, payload.to_bytes())[1], _cells(audio))

    @property
    def truth(self) -> Floats:
        return np.roll(spoken(SECRET, self.payload.to_bytes())[0], -self.first, axis=0)


def copied(tracks: Sequence[Track]) -> tuple[int, int, int]:
    """How often the difference that a mark made to one song is a mark in the next: found, with the first
    song's payload, tried."""
    found = same = 0
    for number, (source, target) in enumerate(pairwise(tracks)):
        payload = Payload.of(4_711, 1, f"copied {number}")
        signs = _heard_signs(source.audio, payload)
        heard = detect(_written(target.audio, signs), {"": SECRET})
        found += heard is not None
        same += heard is not None and heard.payload == payload
    return found, same, len(tracks) - 1


def _heard_signs(song: Audio, payload: Payload) -> Floats:
    """From both versions, cell by cell: which became louder."""
    marked, clean = (_cells(audio) for audio in (embed(song, SECRET, payload), song))
    return np.where(marked >= clean, np.float32(1), np.float32(-1))


def _names(count: int) -> list[str]:
    """Of songs whose payloads take the key's first round."""
    names: list[str] = []
    number = 0
    while len(names) < count:
        payload = Payload.of(4_711, 1, f"song {number}")
        if begins(SECRET, payload.to_bytes())[0] == 0:
            names.append(f"song {number}")
        number += 1
    return names


def _tried(
    source: str, known: Sequence[_Marked], victims: Sequence[_Marked], learnt: Sequence[NDArray[np.float64]]
) -> Learnt:
    right: list[float] = []
    grades: tuple[list[float], list[float]] = [], []
    removed, copied, forged = [0, 0], 0, 0
    payloads = {song.payload for song in known}
    for victim, values in zip(victims, learnt, strict=True):
        signs = np.where(values >= 0, np.float32(1), np.float32(-1))
        right.append(float(np.mean((victim.truth == signs)[values != 0])))
        audio = victim.audio
        for at in range(2):
            audio = _written(audio, -signs)
            removed[at] += not _found(audio, victim.payload)
            grades[at].append(_odg(victim.clean, audio))
        heard = detect(_written(victim.clean, signs), {"": SECRET})
        copied += heard is not None and heard.payload in payloads
        forged += heard is not None and heard.payload not in payloads
    odg, odg_twice = (float(np.median(grade)) for grade in grades)
    share = float(np.mean(right))
    return Learnt(source, share, len(victims), removed[0], odg, removed[1], odg_twice, copied, forged)


def _odg(clean: Audio, changed: Audio) -> float:
    before, after = (at_rate(audio, peaq.RATE).samples[0] for audio in (clean, changed))
    count, scale = round(10 * peaq.RATE), np.float32(0.7 / max(float(np.abs(before).max()), 1e-6))
    return peaq.grade(before[:count] * scale, after[:count] * scale).odg


def _found(audio: Audio, payload: Payload) -> bool:
    heard = detect(audio, {"": SECRET})
    return heard is not None and heard.payload == payload


def _written(audio: Audio, signs: Floats) -> Audio:
    writer = Writer(signs, 0, sample_rate=audio.sample_rate, channels=audio.channels)
    return Audio(writer.push(audio.samples, last=True), audio.sample_rate)


def _cells(audio: Audio) -> NDArray[np.float64]:
    """From the song's beginning on [ROUND, BANDS]; 0 beyond its end."""
    levels = views(audio)[0]
    count = min(ROUND, int(audio.duration_s / CELL_S))
    heard = cells(levels.bands(1.0, 0, len(levels)), np.array([_FIRST_STEP]), STEPS, count)[0].T
    return np.pad(heard, ((0, ROUND - count), (0, 0))).astype(np.float64)
