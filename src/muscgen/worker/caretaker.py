"""Sees to the models of a worker: what came and went on the disk, what jobs wait for, what nobody uses.

A turn a second. One model at a time is brought, beside the songs; while it comes, the queue says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Literal

from muscgen import telemetry
from muscgen.errors import InternalError, MuscgenError, QueueUnavailable
from muscgen.jobs import Coming, Queue
from muscgen.models.card import Card
from muscgen.models.registry import Registry
from muscgen.rights import Rules
from muscgen.settings import Settings
from muscgen.worker.fetcher import Fetcher
from muscgen.worker.roster import Roster

TURN_S = 1.0
PATIENCE_S = 30.0  # so long jobs wait for a model before another one's songs are let run out for it
PAUSE_S = 30.0  # between tries at a model that could not be brought


class Caretaker:
    """`run` until cancelled. idle_s: after which a model is unloaded; 0: never."""

    def __init__(
        self,
        name: str,
        queue: Queue,
        registry: Registry,
        rules: Rules,
        roster: Roster,
        fetcher: Fetcher,
        *,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._queue, self._registry, self._rules = name, queue, registry, rules
        self._roster, self._fetcher = roster, fetcher
        self._idle_s, self._clock = idle_s, clock
        self._bringing: asyncio.Task[None] | None = None
        self._wanted_since: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._loading = asyncio.Lock()

    async def look(self) -> None:
        """What may be served, of what is here and of what can be fetched."""
        cards = await asyncio.to_thread(self._cards)
        usable = {card.id: card for card in cards if self._rules.permits(card)}
        if usable.keys() != self._roster.offers.keys():
            self._rules.usable(cards)  # says in the log which may not, and why
        self._roster.offers = usable
        self._roster.absent = self._fetcher.able({card.id for card in cards})

    async def preload(self, settings: Settings) -> None:
        """Load what is to be there from the start.

        Raises ModelNotFound, LicenceRefused, CheckpointInvalid for models that the settings name; the default
        model may be missing where they do not.
        """
        await self.look()
        named = settings.preload or settings.models
        for model in preloaded(settings):
            if named and model not in self._roster.offers:
                self._rules.allow(self._registry.get(model))
            if model in self._roster.offers:
                await self._roster.load(model)

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self.turn()
                except QueueUnavailable:
                    telemetry.warning("caretaker.queue_away")
                except Exception as error:
                    logging.getLogger("muscgen").error("caretaker.failed", exc_info=error)
                await asyncio.sleep(TURN_S)
        finally:
            self._fetcher.stop()
            if self._bringing is not None:
                self._bringing.cancel()
                await asyncio.gather(self._bringing, return_exceptions=True)

    async def turn(self) -> None:
        """Look at the disk and the queues once."""
        await self.look()
        await self._let_go()
        if self._bringing is None or self._bringing.done():
            await self._bring_what_is_wanted()

    def _cards(self) -> list[Card]:
        self._registry.refresh()
        return self._registry.list()

    async def _let_go(self) -> None:
        for model, served in self._roster.loaded.items():
            offered = self._roster.offers.get(model)
            if offered is None or offered.revision != served.card.revision:
                self._roster.leaving[model] = why = "gone" if offered is None else "changed"
                if await self._roster.unload(model, why) and not offered:
                    await self._queue.goodbye(self._name, [model])
                continue
            if self._roster.leaving.get(model) in ("gone", "changed"):  # its folder was away for a moment
                self._roster.stay(model)
            if self._idle_s and self._roster.idle_for_s(model) > self._idle_s:
                await self._roster.unload(model, "idle")

    async def _bring_what_is_wanted(self) -> None:
        absent = [other.model for other in self._roster.others()]
        now, wanted = self._clock(), await self._queue.wanted(absent)
        self._wanted_since = {model: self._wanted_since.get(model, now) for model in wanted}
        ready = [model for model in wanted if now >= self._not_before.get(model, now)]
        if ready:
            first = min(ready, key=self._wanted_since.__getitem__)
            self._bringing = asyncio.create_task(self._bring(first))
        else:
            self._roster.stir()

    async def _bring(self, model: str) -> None:
        """Fetched if need be, and loaded; or the jobs that wait are told why not."""
        try:
            if model not in self._roster.offers:
                async with self._announced(model, "fetching"):
                    await self._fetcher.fetch(model)
                await self.look()
            if not await self.load(model) and self._waited_s(model) > PATIENCE_S:
                self._roster.rest()
        except QueueUnavailable:
            telemetry.warning("caretaker.queue_away")
        except Exception as error:  # noqa: BLE001  whatever a model meets is told to its jobs
            await self._give_up(model, error)

    async def load(self, model: str, *, keep: bool = False) -> bool:
        """Load a model that may be used here; False where songs of others leave no room for now.

        keep: it stays, however long nobody uses it. Raises ModelNotFound, LicenceRefused, what loading does.
        """
        if model not in self._roster.offers:
            await self.look()
        if model not in self._roster.offers:
            self._rules.allow(self._registry.get(model))
        async with self._loading:
            if model not in self._roster.loaded:
                if not await self._roster.make_room(model):
                    return False
                async with self._announced(model, "loading"):
                    await self._roster.load(model)
            if keep:
                self._roster.keep(model)
            return True

    async def unload(self, model: str) -> bool:
        """Give its memory back, until a job wants it; False while songs go on, and no more are begun then."""
        self._roster.keep(model, kept=False)
        if model not in self._roster.loaded:
            return True
        self._roster.leaving[model] = "asked"
        return await self._roster.unload(model, "asked")

    def stay(self, model: str) -> None:
        """It is not to go after all."""
        self._roster.stay(model)

    def _waited_s(self, model: str) -> float:
        return self._clock() - self._wanted_since.get(model, self._clock())

    @contextlib.asynccontextmanager
    async def _announced(self, model: str, stage: Literal["fetching", "loading"]) -> AsyncIterator[None]:
        """While it lasts, the queue says that the model comes."""
        saying = asyncio.create_task(self._say(model, stage))
        try:
            yield
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
            with contextlib.suppress(QueueUnavailable):
                await self._queue.arrived(model)

    async def _say(self, model: str, stage: Literal["fetching", "loading"]) -> None:
        while True:
            done, total = self._fetcher.progress if stage == "fetching" else (0, 0)
            with contextlib.suppress(QueueUnavailable):
                await self._queue.announce(model, Coming(self._name, stage, done, total))
            await asyncio.sleep(TURN_S)

    async def _give_up(self, model: str, error: Exception) -> None:
        """Nobody waits for what does not come: jobs end with the reason, or are tried again later."""
        if not isinstance(error, MuscgenError):
            logging.getLogger("muscgen").error("model.failed", exc_info=error)
            error = InternalError(f"{model} could not be loaded: {type(error).__name__}")
        telemetry.warning("model.not_brought", model=model, code=error.code, reason=error.detail)
        self._not_before[model] = self._clock() + PAUSE_S
        with contextlib.suppress(QueueUnavailable):
            if any(worker.holds == "loaded" for worker in await self._queue.workers(model)):
                return
            while claims := await self._queue.claim([model], self._name, 1):
                await self._queue.fail(claims[0], error.to_dict(), retry=error.retryable)


def preloaded(settings: Settings) -> tuple[str, ...]:
    """The models that are loaded at the start, and kept."""
    return settings.preload or settings.models or (settings.default_model,)
