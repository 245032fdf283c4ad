"""Block lists of recordings, and whether a file is one of them, or holds a stretch of one.

A list is a text file, one recording a line: {"name": "…", "seconds": 181.2, "fingerprint": "AQAA…"}, the last
as `fpcalc -plain -length 0 FILE` prints it. Lists are read again when they change.

A stretch is found by halves of its numbers that are exactly those of a recording, which say at which shift
the file lies over it, and believed by its bits. Measured on 48 tracks, each looked for after whatever may
happen to music (benchmarks/FINGERPRINTS.md): as it is, encoded or with noise at most 15 % of its bits differ;
of two tracks at least 25 %, wherever they agree most. Half of a number outlives more than all of it: after
reverberation 32 tracks of 48 are found, and were 6 when whole numbers had to agree; after a ten-band
equaliser 21 and 6, 1 % faster 27 and 7. A new performance is not found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from muscgen.errors import ConfigurationError
from muscgen.intake.fingerprint import Numbers, numbers, require

LEAST_NUMBERS = 24  # 5.6 s of sound
WINDOW_NUMBERS = 48
MOST_FAULTS = 0.2  # of the bits; unrelated ones differ in half
_SHIFTS = 128  # of the most votes, that are looked at
_HALVES = 1 << 16  # that there can be
_COMMON = 256  # a half that is there so often, and _OFTEN as often as chance has it, says nothing: silence's
_OFTEN = 8
_DISTINCT = 4  # every so many numbers of a stretch there is another one: a tone is no recording
_MOST_LINE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """An entry. fingerprint: as chromaprint packs it."""

    name: str
    seconds: float
    fingerprint: str

    def line(self) -> str:
        fields = {"name": self.name, "seconds": self.seconds, "fingerprint": self.fingerprint}
        return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Halves:
    """Where each half of a number stands: places in the order of the halves, and where each one's begin."""

    order: NDArray[np.uint32]
    begins: NDArray[np.int64]

    @classmethod
    def of(cls, halves: NDArray[np.uint16]) -> _Halves:
        counts = np.bincount(halves, minlength=_HALVES)
        return cls(np.argsort(halves, kind="stable").astype(np.uint32), np.cumsum([0, *counts]))

    def where(self, half: int) -> NDArray[np.uint32]:
        return self.order[self.begins[half] : self.begins[half + 1]]


class Recordings:
    """The lists together. Raises ConfigurationError for one that cannot be read, or without Chromaprint."""

    def __init__(self, lists: Sequence[Path]) -> None:
        self._lists = lists
        self._seen: tuple[tuple[int, int], ...] = ()
        self._names: list[str] = []
        self._all = np.zeros(0, np.uint32)  # every recording's numbers, one after the other
        self._starts = np.zeros(1, np.int64)  # where each begins, and the end
        self._index: tuple[_Halves, ...] = ()
        if lists:
            require()
            self._refresh()

    def __bool__(self) -> bool:
        return bool(self._lists)

    def find(self, packed: bytes) -> str | None:
        """The name of the recording that a fingerprint is of, or holds a stretch of."""
        self._refresh()
        asked = numbers(packed)
        if len(asked) < LEAST_NUMBERS or not len(self._all):
            return None
        for shift in self._shifts(asked):
            for name, here in self._under(asked, shift):
                if _alike(asked[here[0] : here[1]], self._all[here[0] + shift : here[1] + shift]):
                    return name
        return None

    def _shifts(self, asked: Numbers) -> list[int]:
        """How far the file may have to be moved, from where the most halves of numbers agree on."""
        most = max(_COMMON, _OFTEN * len(self._all) // _HALVES)
        votes = [
            where.astype(np.int64) - at
            for halves, index in zip(_halves(asked), self._index, strict=True)
            for at, half in enumerate(halves)
            if 0 < len(where := index.where(int(half))) < most
        ]
        if not votes:
            return []
        shifts, counts = np.unique(np.concatenate(votes), return_counts=True)
        return [int(shift) for shift in shifts[np.argsort(-counts, kind="stable")][:_SHIFTS]]

    def _under(self, asked: Numbers, shift: int) -> Iterator[tuple[str, tuple[int, int]]]:
        """The recordings that lie under the file there, and which of the file's numbers each lies under."""
        first = np.searchsorted(self._starts, shift, "right") - 1
        for at in range(max(0, int(first)), len(self._names)):
            begin = max(0, int(self._starts[at]) - shift)
            end = min(len(asked), int(self._starts[at + 1]) - shift)
            if begin >= len(asked):
                return
            if end - begin >= LEAST_NUMBERS:
                yield self._names[at], (begin, end)

    def _refresh(self) -> None:
        try:
            seen = tuple((stat.st_mtime_ns, stat.st_size) for stat in (path.stat() for path in self._lists))
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}", param="blocklists") from error
        if seen == self._seen:
            return
        entries = [entry for path in self._lists for entry in read(path)]
        prints = [numbers(entry.fingerprint.encode()) for entry in entries]
        self._names = [entry.name for entry in entries]
        self._all = np.concatenate([np.zeros(0, np.uint32), *prints])
        self._starts = np.cumsum([0, *(len(each) for each in prints)])
        self._index = tuple(_Halves.of(halves) for halves in _halves(self._all))
        self._seen = seen


def read(path: Path) -> list[Recording]:
    """The entries of a list. Raises ConfigurationError naming the line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}", param="blocklists") from error
    return [_entry(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def text_of(entries: Iterable[Recording]) -> str:
    """A list as it stands in its file."""
    return "".join(f"{entry.line()}\n" for entry in entries)


def _entry(path: Path, number: int, line: str) -> Recording:
    try:
        entry = Recording(**json.loads(line[:_MOST_LINE_BYTES]))
        numbers(entry.fingerprint.encode())
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path}, line {number} is no recording",
            param="blocklists",
            suggestion="muscgen blocklist add writes lists",
        ) from error
    return entry


def _alike(asked: Numbers, known: Numbers) -> bool:
    faults = _bits(asked ^ known)
    width = min(WINDOW_NUMBERS, len(faults))
    sums = np.concatenate([[0], np.cumsum(faults)])
    shares = (sums[width:] - sums[:-width]) / (32 * width)
    at = int(np.argmin(shares))
    distinct = len(np.unique(asked[at : at + width]))
    return bool(shares[at] <= MOST_FAULTS and distinct * _DISTINCT >= width)


def _halves(words: Numbers) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The lower and the upper 16 bits of each."""
    return words.astype(np.uint16), (words >> 16).astype(np.uint16)


def _bits(words: Numbers) -> NDArray[np.int64]:
    """How many bits are set in each."""
    return np.bitwise_count(words).astype(np.int64)
