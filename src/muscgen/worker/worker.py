"""Many songs in one process: claim while a slot is free, drain when told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from muscgen import telemetry
from muscgen.artifacts import Store
from muscgen.errors import DeviceLost, QueueUnavailable
from muscgen.jobs import Claim, LeaseKeeper, Queue
from muscgen.worker.counting import count_claim, count_end, job_span
from muscgen.worker.duties import Duties
from muscgen.worker.loader import Served
from muscgen.worker.pace import Pace
from muscgen.worker.roster import Roster
from muscgen.worker.run import JobRun, Stop

WAIT_S = 1.0  # the queue's own limit
FULL_PAUSE_S = 0.05  # a song ends between steps, and nobody rings for it
OUTAGE_PAUSE_S = 0.5
HEARTBEAT_S = 5.0  # a worker counts as gone after 20 s
STOP_LIMIT_S = 15.0  # to stop songs and hand jobs back, once the grace is over

KeeperOf = Callable[[Callable[[str], None], Callable[[str], None]], LeaseKeeper]  # on_lost, on_cancel


class Worker:
    """`run` works until `drain`; a second `drain` hands back at once what is not done.

    keeper: makes the LeaseKeeper from its two callbacks. drain_s: grace for songs under way.
    """

    def __init__(
        self,
        name: str,
        queue: Queue,
        store: Store,
        roster: Roster,
        keeper: KeeperOf,
        duties: Duties,
        *,
        drain_s: float,
    ) -> None:
        self.name = name
        self._queue = queue
        self._store = store
        self._roster = roster
        self._drain_s = drain_s
        self._duties = duties
        self._keeper = keeper(self._told(Stop.LOST), self._told(Stop.CANCEL))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runs: dict[str, JobRun] = {}
        self._tasks: dict[JobRun, asyncio.Task[None]] = {}
        self._pace = Pace()
        self._draining = asyncio.Event()
        self._hurry = asyncio.Event()
        self._device_lost: DeviceLost | None = None

    @property
    def running(self) -> int:
        """Jobs under way."""
        return len(self._runs)

    def drain(self) -> None:
        """No more claims; the second call ends the grace. For signal handlers of the loop."""
        (self._hurry if self._draining.is_set() else self._draining).set()

    async def run(self) -> None:
        """Work; returns when drained, with every job finished, failed or handed back.

        Raises DeviceLost once all is handed back: only a new process finds the device again.
        """
        self._loop = asyncio.get_running_loop()
        with self._keeper:
            beating = asyncio.create_task(self._beat())
            try:
                await self._claim_until_drain()
                await self._finish_or_hand_back()
            finally:
                beating.cancel()
                await asyncio.gather(beating, *self._cancelled_tasks(), return_exceptions=True)
            with contextlib.suppress(QueueUnavailable):
                models = [*self._roster.loaded, *(other.model for other in self._roster.others())]
                await self._queue.goodbye(self.name, models)
        telemetry.event("worker.drained", worker=self.name)
        if self._device_lost is not None:
            raise self._device_lost

    async def _claim_until_drain(self) -> None:
        while not self._draining.is_set():
            try:
                if await self._claim() == 0:
                    await self._wait()
            except QueueUnavailable:
                telemetry.warning("worker.queue_away", running=self.running)
                await self._unless_draining(asyncio.sleep(OUTAGE_PAUSE_S))
            except Exception as error:  # noqa: BLE001 - the songs under way must not pay for it
                _unforeseen("worker.claim_failed", error)
                await self._unless_draining(asyncio.sleep(OUTAGE_PAUSE_S))

    async def _claim(self) -> int:
        """Take jobs one by one, since a job of n outputs takes n slots. How many."""
        taken = 0
        for model, served in self._roster.open().items():
            with self._roster.asking(model):
                taken += await self._claim_for(model, served)
        return taken

    async def _claim_for(self, model: str, served: Served) -> int:
        taken = 0
        while self._free(model, served) > 0 and not self._draining.is_set():
            claims = await self._queue.claim([model], self.name, 1, audio_s_per_s=self._pace.audio_s_per_s)
            for claim in claims:
                await self._begin(claim, served)
            taken += len(claims)
            if not claims:
                break
        return taken

    def _free(self, model: str, served: Served) -> int:
        """The engine's free slots, less those that jobs still want which listen to their sound."""
        wanted = sum(run.unseated for run in self._runs.values() if run.claim.model == model)
        return max(0, served.engine.free - wanted)

    async def _begin(self, claim: Claim, served: Served) -> None:
        self._keeper.add(claim)
        run = JobRun(claim, served, self._queue, self._store, self._duties)
        run.device_lost = self._give_up
        self._runs[claim.job_id] = run
        await run.start()
        count_claim(claim)
        self._roster.use(claim.model)  # until it is seen through
        self._roster.touch(claim.model)
        self._tasks[run] = asyncio.create_task(self._see_through(run))

    async def _see_through(self, run: JobRun) -> None:
        claim, model = run.claim, run.claim.model
        outputs = claim.request.n
        telemetry.SONGS_RUNNING.labels(model).inc(outputs)
        self._pace.begin()
        try:
            with telemetry.about(job=claim.job_id), job_span(claim):
                state = await run.run()
                telemetry.event("job.left", state=state or "lost")
            count_end(claim, state, run.audio_s, run.real_time_factor)
        finally:
            self._roster.done(model)
            self._roster.touch(model)
            telemetry.SONGS_RUNNING.labels(model).dec(outputs)
            self._pace.end(run.audio_s)
            self._keeper.remove(claim)
            self._tasks.pop(run, None)
            if self._runs.get(claim.job_id) is run:
                del self._runs[claim.job_id]

    async def _wait(self) -> None:
        served = self._roster.open()
        free = [model for model, one in served.items() if self._free(model, one) > 0]
        if free:
            await self._unless_draining(self._queue.wait_for_work(free, WAIT_S))
        else:
            await self._unless_draining(asyncio.sleep(FULL_PAUSE_S if served else WAIT_S))

    async def _unless_draining(self, waiting: Coroutine[Any, Any, object]) -> None:
        """Wait, but only until the drain begins or a model comes. Raises what the waiting raises."""
        task = asyncio.ensure_future(waiting)
        bells = [asyncio.create_task(bell.wait()) for bell in (self._draining, self._roster.changed)]
        try:
            await asyncio.wait({task, *bells}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            self._roster.changed.clear()
            for waiter in (task, *bells):
                waiter.cancel()
            await asyncio.gather(task, *bells, return_exceptions=True)

    async def _finish_or_hand_back(self) -> None:
        telemetry.event("worker.draining", worker=self.name, running=self.running, grace_s=self._drain_s)
        hurry = asyncio.create_task(self._hurry.wait())
        until = time.monotonic() + self._drain_s
        while self._tasks and not hurry.done() and (left_s := until - time.monotonic()) > 0:
            waiting = {*self._tasks.values(), hurry}
            await asyncio.wait(waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for run in list(self._tasks):
            run.stop(Stop.DRAIN)
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=STOP_LIMIT_S)

    def _cancelled_tasks(self) -> list[asyncio.Task[None]]:
        """The second line: what is still there after the drain."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    async def _beat(self) -> None:
        """Say that we live, and see to jobs of models that nobody claims from."""
        while True:
            try:
                await self._say()
                await self._queue.sweep()
            except QueueUnavailable:
                telemetry.warning("worker.heartbeat_missed", worker=self.name)
            except Exception as error:  # noqa: BLE001 - it is said again in 5 s
                _unforeseen("worker.heartbeat_failed", error)
            await asyncio.sleep(HEARTBEAT_S)

    async def _say(self) -> None:
        beat = partial(self._queue.heartbeat, self.name, audio_s_per_s=self._pace.audio_s_per_s)
        for model, served in self._roster.loaded.items():
            free = self._free(model, served)
            await beat([model], slots=served.engine.slots, free=free, makers={model: served.maker})
        for other in self._roster.others():
            await beat([other.model], slots=0, free=0, makers={other.model: other.maker}, holds=other.holds)

    def _give_up(self, error: DeviceLost) -> None:
        """No more claims, and all songs go back at once."""
        self._device_lost = error
        self._draining.set()
        self._hurry.set()

    def _told(self, reason: Stop) -> Callable[[str], None]:
        """A callback for the keeper's thread."""

        def stop(job_id: str) -> None:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop, job_id, reason)

        return stop

    def _stop(self, job_id: str, reason: Stop) -> None:
        if (run := self._runs.get(job_id)) is not None:
            telemetry.event("job.stopping", job=job_id, reason=reason)
            run.stop(reason)


def _unforeseen(event: str, error: Exception) -> None:
    telemetry.error(event, error)
