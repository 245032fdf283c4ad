"""Which models fit into a worker's memory, and which one makes way. No model is touched here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from muscgen.models.card import Card
from muscgen.settings import Settings
from muscgen.worker.memory import MOST_SLOTS, available_bytes, load_bytes, song_bytes

_KEPT_FREE = 0.2  # of what is free: finishing, the page cache, the neighbours
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes: of the weights, and of each song at once."""

    weights: int
    song: int

    def of(self, slots: int) -> int:
        return self.weights + slots * self.song


@dataclass(frozen=True, slots=True)
class Standing:
    """A loaded model, as far as its way out goes.

    settled: idle for a moment, for one that just came has songs to be claimed. kept: it is to stay.
    """

    model: str
    idle: bool
    settled: bool
    kept: bool
    used_at: float


class Room:
    """The memory that models may take: by the settings, else what was free when it was made, less a fifth.

    Weights that are mapped from files do not count as taken by the system's own figures, so they are counted
    here; what others take meanwhile only the system knows. The smaller of the two is left.
    """

    def __init__(self, settings: Settings, free: Callable[[], int | None] = available_bytes) -> None:
        self._settings, self._free = settings, free
        measured = _spare(free())
        self._budget = settings.memory_mb * _MEGABYTE or measured

    def need(self, card: Card) -> Need:
        return Need(load_bytes(card, self._settings), song_bytes(card, self._settings))

    def left(self, taken: int) -> int | None:
        """Beside what models take already; None where nobody says how much there is."""
        if self._budget is None:
            return None
        measured = None if self._settings.memory_mb else _spare(self._free())
        counted = self._budget - taken
        return counted if measured is None else min(counted, measured)

    def fits(self, need: Need, taken: int) -> bool:
        left = self.left(taken)
        return left is None or need.of(self._settings.slots or 1) <= left

    def slots(self, need: Need, taken: int) -> int:
        """Songs at once: as the settings say, else as many as are left, 1 to MOST_SLOTS."""
        left = self.left(taken)
        if self._settings.slots or left is None:
            return self._settings.slots or MOST_SLOTS
        return min(MOST_SLOTS, max(1, (left - need.weights) // max(1, need.song)))


def first_to_go(standing: Iterable[Standing]) -> str | None:
    """The idle model that was not used for longest, kept ones last; None where it has not settled."""
    chosen = min((one for one in standing if one.idle), key=_late, default=None)
    return chosen.model if chosen is not None and chosen.settled else None


def first_to_rest(standing: Iterable[Standing]) -> str | None:
    """The same where no model is idle: the one whose songs are let run out."""
    chosen = min(standing, key=_late, default=None)
    return None if chosen is None else chosen.model


def _late(one: Standing) -> tuple[bool, float]:
    return one.kept, one.used_at


def _spare(free: int | None) -> int | None:
    return None if free is None else int(free * (1 - _KEPT_FREE))
