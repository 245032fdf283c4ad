"""Tables beside a table of a hundred thousand rows and more, without holding them as objects."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from muscgen.errors import InvalidRequest

Value = TypeVar("Value")
_DIGEST_BYTES = 20
_END = 1 << 62


class Ascending(Generic[Value]):
    """A table that ascends by its numbers, read along with another that does: one row is held."""

    def __init__(self, name: str, rows: Iterable[tuple[int, Value]]) -> None:
        self._name = name
        self._rows: Iterator[tuple[int, Value]] = iter(rows)
        self._number, self._value = -1, None  # type: tuple[int, Value | None]
        self._asked = -1

    def get(self, number: int) -> Value | None:
        """None where there is no such row. Raises InvalidRequest where either table does not ascend."""
        if number < self._asked:
            raise self._unsorted(number, self._asked)
        self._asked = number
        while self._number < number:
            self._next()
        return self._value if self._number == number else None

    def finish(self) -> None:
        """Look at the rows that are left: one that stands too late was missed. Raises InvalidRequest."""
        while self._number < _END:
            self._next()

    def _next(self) -> None:
        before = self._number
        self._number, self._value = next(self._rows, (_END, None))
        if self._number < before:
            raise self._unsorted(self._number, before)

    def _unsorted(self, number: int, before: int) -> InvalidRequest:
        return InvalidRequest(
            f"{self._name} and the table beside it ascend by their numbers; {number} comes after {before}",
            param="path",
            suggestion="the files as they are published",
        )


class Digests:
    """Number -> SHA-1, in any order: 28 bytes a row."""

    def __init__(self, pairs: Iterable[tuple[int, str]]) -> None:
        numbers, digests = array("q"), bytearray()
        for number, digest in pairs:
            numbers.append(number)
            digests += bytes.fromhex(digest)
        self._order = array("i", sorted(range(len(numbers)), key=numbers.__getitem__))
        self._numbers, self._digests = numbers, bytes(digests)

    def get(self, number: int) -> str:
        """Hex; empty where there is none."""
        place = bisect_left(self._order, number, key=self._numbers.__getitem__)
        if place == len(self._order) or self._numbers[self._order[place]] != number:
            return ""
        start = self._order[place] * _DIGEST_BYTES
        return self._digests[start : start + _DIGEST_BYTES].hex()
