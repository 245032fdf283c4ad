"""Which song sits in which rows. Policy only: no tensors.

A slot is a song's place; it has one row, or two when the song is guided [conditional, negative or null]. The
rows in use are always the prefix 0..used-1 of the slab, so whoever leaves is replaced by rows from the end:

    rows   0 1 2 3 4 5          B leaves: rows 1, 2 are holes; the last rows in use move there
    songs  A B B C D D    ->    A D D C        moves 5 -> 1, 4 -> 2
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Move(NamedTuple, Generic[S]):
    """A row that changes its place, and whose it is."""

    source: int
    target: int
    song: S


class Slots(Generic[S]):
    """At most `slots` songs in at most `rows` rows, in the order in which they sat down."""

    def __init__(self, slots: int, rows: int) -> None:
        self.slots = slots
        self.rows = rows
        self._rows: dict[S, list[int]] = {}
        self._owners: list[S] = []  # one a row in use

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[S]:
        return iter(self._rows)

    def __contains__(self, song: S) -> bool:
        return song in self._rows

    @property
    def used(self) -> int:
        """Rows in use: 0..used-1."""
        return len(self._owners)

    @property
    def owners(self) -> tuple[S, ...]:
        """The song in each row in use."""
        return tuple(self._owners)

    def rows_of(self, song: S) -> tuple[int, ...]:
        return tuple(self._rows[song])

    def has_room(self, rows: int) -> bool:
        return len(self._rows) < self.slots and self.used + rows <= self.rows

    def seat(self, song: S, rows: int) -> tuple[int, ...]:
        """Give a song its rows, at the end of those in use."""
        if song in self._rows or not self.has_room(rows):
            raise ValueError("a song sits down once, and only where there is room")
        self._rows[song] = list(range(self.used, self.used + rows))
        self._owners.extend([song] * rows)
        return self.rows_of(song)

    def leave(self, song: S) -> list[Move[S]]:
        """Free a song's rows. The moves, in order, make the rows in use a prefix again."""
        holes = set(self._rows.pop(song))
        used = self.used - len(holes)
        movers = [row for row in range(self.used - 1, used - 1, -1) if row not in holes]
        moves = [
            Move(source, target, self._owners[source])
            for source, target in zip(movers, sorted(hole for hole in holes if hole < used), strict=True)
        ]
        for source, target, owner in moves:
            self._owners[target] = owner
            rows = self._rows[owner]
            rows[rows.index(source)] = target
        del self._owners[used:]
        return moves
