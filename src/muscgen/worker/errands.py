"""Does what operators ask of this worker, one thing at a time: fetch, load, unload or remove a model."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from muscgen import telemetry
from muscgen.errors import Cancelled, InternalError, ModelInUse, MuscgenError, QueueUnavailable, Unavailable
from muscgen.fetching.keeping import remove
from muscgen.fetching.patience import Patience
from muscgen.fetching.places import origin_of, published
from muscgen.fetching.pull import Stage, Wish
from muscgen.fetching.shelf import written
from muscgen.fetching.terms import terms_of
from muscgen.jobs import Queue
from muscgen.jobs.tasks import Standing, TaskClaim, TaskKind, TaskState
from muscgen.models.terms import Said
from muscgen.settings import Settings
from muscgen.worker.caretaker import Caretaker
from muscgen.worker.fetcher import Fetcher

TURN_S = 1.0
BEATS = 5  # turns between two signs of life
ROOM_S = 60.0  # so long a load waits for songs to end that leave no room


class Errands:
    """`run` until cancelled. place: the name of the folder where the models lie."""

    def __init__(
        self, name: str, place: str, queue: Queue, settings: Settings, caretaker: Caretaker, fetcher: Fetcher
    ) -> None:
        self._name, self._place, self._queue = name, place, queue
        self._models_path: Path = settings.models_path
        self._models_from, self._cache_path = settings.models_from, settings.cache_path
        self._caretaker, self._fetcher = caretaker, fetcher
        self._stop = threading.Event()
        self._stage = Stage("waiting")
        self._work: Mapping[TaskKind, Callable[[TaskClaim], Awaitable[None]]] = {
            "pull": self._pull,
            "load": self._load,
            "unload": self._unload,
            "remove": self._remove,
        }

    async def run(self) -> None:
        turn = 0
        try:
            while True:
                try:
                    if turn % BEATS == 0:
                        await self._queue.beat(self._name, self._place)
                    if (claim := await self._queue.take_task(self._name, self._place)) is not None:
                        await self._see_through(claim)
                except QueueUnavailable:
                    telemetry.warning("errands.queue_away")
                turn += 1
                await asyncio.sleep(TURN_S)
        finally:
            self._stop.set()
            with contextlib.suppress(QueueUnavailable):
                await self._queue.leave(self._name)

    async def _see_through(self, claim: TaskClaim) -> None:
        telemetry.event("task.taken", task=claim.task_id, kind=claim.kind, model=claim.model)
        self._stop.clear()
        self._stage = Stage("waiting")
        reporting = asyncio.create_task(self._report(claim))
        error: MuscgenError | None = None
        try:
            await self._work[claim.kind](claim)
        except MuscgenError as met:
            error = met
        except Exception as met:
            logging.getLogger("muscgen").error("task.error", exc_info=met)
            error = InternalError(f"the worker met an error that nobody foresaw: {type(met).__name__}")
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
        await self._tell_queue(claim)
        state = _state(error)
        telemetry.event("task.ended", task=claim.task_id, kind=claim.kind, model=claim.model, state=state)
        await self._queue.end_task(claim, state, error.to_dict() if error else None)

    async def _report(self, claim: TaskClaim) -> None:
        """Until cancelled; a task that is cancelled, or another worker's by now, is stopped."""
        turn = 0
        while True:
            with contextlib.suppress(QueueUnavailable):
                if await self._tell_queue(claim) != "held":
                    self._stop.set()
                if turn % BEATS == 0:
                    await self._queue.beat(self._name, self._place)
            turn += 1
            await asyncio.sleep(TURN_S)

    async def _tell_queue(self, claim: TaskClaim) -> Standing:
        stage = self._stage
        so_far = {"bytes_done": stage.bytes_done, "bytes_total": stage.bytes_total}
        return await self._queue.report_task(claim, {"stage": stage.stage} | so_far)

    async def _pull(self, claim: TaskClaim) -> None:
        wish = claim.wish
        said = Said(wish.get("license"), wish.get("license_url"), wish.get("attribution"))
        origin, revision = origin_of(claim.model, self._models_from), wish.get("revision")
        there = partial(published, claim.model, origin, revision, Patience(stop=self._stop))
        anew = revision is not None
        terms = await asyncio.to_thread(terms_of, claim.model, self._models_path, said, there, anew=anew)
        asked = Wish(terms, revision, origin)
        await self._fetcher.pull(asked, stop=self._stop, tell=self._tell)
        await self._caretaker.look()

    async def _load(self, claim: TaskClaim) -> None:
        until = asyncio.get_running_loop().time() + ROOM_S
        while not await self._caretaker.load(claim.model, keep=True):
            if self._stop.is_set():
                raise Cancelled("stopped before there was room for it")
            if asyncio.get_running_loop().time() > until:
                raise Unavailable(
                    f"songs that go on leave no room for {claim.model}",
                    suggestion="POST /v1/models/.../unload, or MUSCGEN_MEMORY_MB",
                )
            await asyncio.sleep(TURN_S)

    async def _unload(self, claim: TaskClaim) -> None:
        while not await self._caretaker.unload(claim.model):  # its songs run out
            if self._stop.is_set():
                self._caretaker.stay(claim.model)
                raise Cancelled("stopped before its songs had ended")
            await asyncio.sleep(TURN_S)

    async def _remove(self, claim: TaskClaim) -> None:
        model = claim.model
        if waiting := await self._queue.depth(model) + await self._queue.running(model):
            raise ModelInUse(
                f"{waiting} jobs wait for {model} or make songs with it",
                param="model",
                suggestion=f"POST /admin/queues/purge?model={model} cancels those that wait",
            )
        with written(self._models_path):
            patience = Patience(stop=self._stop)
            await asyncio.to_thread(remove, model, self._models_path, patience, self._cache_path)
        await self._caretaker.turn()

    def _tell(self, stage: Stage) -> None:
        self._stage = stage


def _state(error: MuscgenError | None) -> TaskState:
    if error is None:
        return "succeeded"
    return "cancelled" if isinstance(error, Cancelled) else "failed"
