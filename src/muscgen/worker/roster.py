"""The models of one worker: what it may serve, what of it is loaded, and who is using it.

offers ── load ─► loaded ── unload ─► offers      unload: idle, gone, changed, in the way; never under a song
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from muscgen import telemetry
from muscgen.jobs.job import Holding
from muscgen.models.card import Card
from muscgen.worker.loader import Served
from muscgen.worker.room import Need, Room, Standing, first_to_go, first_to_rest

SETTLED_S = 2.0
_ASKING_S = 0.01  # about so long a queue takes to say that there is no song

Leaving = Literal["gone", "changed", "asked"]  # its files went, or are others; or somebody wants its memory
Load = Callable[[Card, int], Served]  # with so many slots; blocks


@dataclass(frozen=True, slots=True)
class Other:
    """A model that would have to be loaded first, or fetched. maker: of its songs, as Served has it."""

    model: str
    holds: Holding
    maker: str = ""


@dataclass(slots=True)
class _Held:
    served: Served
    need: Need
    used_at: float

    @property
    def bytes(self) -> int:
        return self.need.of(self.served.slots)


class Roster:
    """Only in the loop's thread. kept: models that stay loaded unless there is no other way to make room."""

    def __init__(
        self,
        load: Load,
        room: Room,
        maker: Callable[[Card], str],
        *,
        kept: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offers: Mapping[str, Card] = {}
        self.absent: Sequence[str] = ()  # would be fetched for their first job
        self.resting: set[str] = set()  # no more songs for now: it is to make way
        self.leaving: dict[str, Leaving] = {}  # no more songs, and why
        self.changed = asyncio.Event()  # songs may be taken for a model that was not there before
        self._load, self._room, self._maker, self._clock = load, room, maker, clock
        self._kept = set(kept)
        self._held: dict[str, _Held] = {}
        self._uses: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    @property
    def loaded(self) -> Mapping[str, Served]:
        return {model: held.served for model, held in list(self._held.items())}  # other threads look too

    def open(self) -> dict[str, Served]:
        """Those that songs are taken for."""
        closed = self.resting | self.leaving.keys()
        return {model: held.served for model, held in self._held.items() if model not in closed}

    def use(self, model: str) -> None:
        """It is not unloaded until `done` was called as often."""
        self._uses[model] += 1

    def done(self, model: str) -> None:
        self._uses[model] -= 1

    @contextlib.contextmanager
    def asking(self, model: str) -> Iterator[None]:
        """Songs of it are asked for, and none may come: it is idle, and not unloaded meanwhile."""
        self._asked[model] += 1
        try:
            yield
        finally:
            self._asked[model] -= 1

    def touch(self, model: str) -> None:
        """A song of it began or ended."""
        if (held := self._held.get(model)) is not None:
            held.used_at = self._clock()

    def keep(self, model: str, *, kept: bool = True) -> None:
        """It stays, however long nobody uses it; or no more."""
        (self._kept.add if kept else self._kept.discard)(model)
        self.touch(model)

    def idle_for_s(self, model: str) -> float:
        """Since when nobody used it; 0 while somebody does, or where it is kept."""
        if self._uses[model] or model in self._kept:
            return 0.0
        return self._clock() - self._held[model].used_at

    async def make_room(self, model: str) -> bool:
        """Unload idle models until an offered one fits; False where those in use leave no room for it.

        Beside no other one it always fits, however little memory there is.
        """
        need = await asyncio.to_thread(self._room.need, self.offers[model])
        while not self._room.fits(need, self._taken()):
            if (victim := first_to_go(self._standing())) is not None:
                if not await self.unload(victim, "room"):
                    await asyncio.sleep(_ASKING_S)
            elif self._held:
                return False
            else:
                telemetry.warning("model.short_of_memory", model=model, needed=need.of(1))
                return True
        return True

    async def load(self, model: str) -> None:
        """Load an offered model. Raises what `load` raises."""
        card = self.offers[model]
        need = await asyncio.to_thread(self._room.need, card)
        slots = self._room.slots(need, self._taken())
        served = await asyncio.to_thread(self._load, card, slots)
        self._held[model] = _Held(served, need, self._clock())
        self.resting.clear()
        self.changed.set()

    async def unload(self, model: str, reason: str) -> bool:
        """Give its memory back; False where songs are under way or asked for, or it is not loaded."""
        if self._uses[model] or self._asked[model] or model not in self._held:
            return False
        held = self._held.pop(model)
        self.resting.discard(model)
        self.leaving.pop(model, None)
        await asyncio.to_thread(held.served.close)
        del held
        gc.collect()  # sessions sit in cycles
        telemetry.event("model.unloaded", model=model, reason=reason)
        return True

    def stay(self, model: str) -> None:
        """It is not to go after all."""
        if self.leaving.pop(model, None) is not None:
            self.changed.set()

    def rest(self) -> None:
        """Take no more songs for the model that is first to go, though songs are under way."""
        if not self.resting and (victim := first_to_rest(self._standing())) is not None:
            self.resting.add(victim)
            telemetry.event("model.resting", model=victim)

    def stir(self) -> None:
        """Songs are taken again for those that rest."""
        if self.resting:
            self.resting.clear()
            self.changed.set()

    def others(self) -> list[Other]:
        """What may be served and is not loaded."""
        here = [card for model, card in self.offers.items() if model not in self._held]
        return [Other(card.id, "here", self._maker(card)) for card in here] + [
            Other(model, "absent") for model in self.absent
        ]

    def close(self) -> None:
        """Stop all engines; songs under way fail as Unavailable. Blocks."""
        for held in self._held.values():
            held.served.close()
        self._held.clear()

    def _taken(self) -> int:
        return sum(held.bytes for held in self._held.values())

    def _standing(self) -> list[Standing]:
        now = self._clock()
        return [
            Standing(
                model,
                idle=not self._uses[model],
                settled=now - held.used_at >= SETTLED_S,
                kept=model in self._kept,
                used_at=held.used_at,
            )
            for model, held in self._held.items()
        ]
