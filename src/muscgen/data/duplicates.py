"""Tracks that are one recording: the same bytes, or the same sound under another codec, level or beginning.

The first in the ledger's order stays. What it takes grows with the number of tracks by half a kilobyte each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from muscgen.data.fingerprint import SAME_BITS, Frames, different_bits

_COMMON = 64  # a frame in more tracks than that says nothing of one of them


@dataclass(frozen=True, slots=True)
class Twin:
    """Of which earlier track a track is a copy, and how sure that is (0: the same bytes)."""

    of: int
    different_bits: float


class Duplicates:
    """Takes tracks in order, and then tells which are copies."""

    def __init__(self) -> None:
        self._digests: dict[bytes, int] = {}
        self._twins: dict[int, Twin] = {}
        self._sketches: list[NDArray[np.uint32]] = []
        self._places: list[int] = []

    def add(self, place: int, sha256: str, sketch: Frames) -> None:
        """sketch: empty for sounds that are compared by their bytes alone."""
        first = self._digests.setdefault(bytes.fromhex(sha256)[:16], place)
        if first != place:
            self._twins[place] = Twin(first, 0.0)
        elif len(sketch):
            self._sketches.append(sketch)
            self._places.append(place)

    def find(self, frames: Callable[[int], Frames]) -> dict[int, Twin]:
        """Copies by their place. frames: the fingerprint of the track at a place, read when it is needed."""
        twins = dict(self._twins)
        for earlier, later in sorted(self._candidates()):
            first = twins[earlier].of if earlier in twins else earlier
            if later in twins or first == later:
                continue
            share = different_bits(frames(first), frames(later))
            if share < SAME_BITS:
                twins[later] = Twin(first, share)
        return twins

    def _candidates(self) -> set[tuple[int, int]]:
        """Pairs that share a frame of their sketches: each with its first track, and with the one before."""
        if not self._sketches:
            return set()
        places = np.repeat(np.array(self._places, np.int64), [len(sketch) for sketch in self._sketches])
        values = np.concatenate(self._sketches)
        order = np.lexsort((places, values))
        values, places = values[order], places[order]
        edges = np.flatnonzero(np.diff(values)) + 1
        return set(self._pairs(np.split(places, edges)))

    @staticmethod
    def _pairs(groups: list[NDArray[np.int64]]) -> Iterator[tuple[int, int]]:
        for group in groups:
            if 1 < len(group) <= _COMMON:
                for before, later in pairwise(group):
                    yield int(group[0]), int(later)
                    yield int(before), int(later)
