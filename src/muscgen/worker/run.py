"""One job, from its claim to the one way in which it ends here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from functools import partial
from typing import Any

from muscgen import telemetry
from muscgen.artifacts import Store
from muscgen.audio import Audio
from muscgen.engine import Made
from muscgen.errors import (
    AuditUnavailable,
    BadSong,
    Cancelled,
    ConsentRefused,
    DeviceLost,
    InternalError,
    LeaseLost,
    MuscgenError,
    QueueUnavailable,
)
from muscgen.finishing.pipeline import Finished, finish
from muscgen.jobs import Claim, Queue, State
from muscgen.provenance.origin import Input
from muscgen.worker.broadcast import Broadcast, Treatment, untreated
from muscgen.worker.counting import finishing, traced
from muscgen.worker.duties import Duties
from muscgen.worker.inputs import NOTHING, Heard, brings_sound, listen
from muscgen.worker.keeping import Keeping
from muscgen.worker.loader import Served
from muscgen.worker.progress import REPORT_INTERVAL_S, Meter
from muscgen.worker.receipts import Times, receipt_of
from muscgen.worker.result import MadeOutput, result_of
from muscgen.worker.songs import Songs

OUTAGE_PAUSE_S = 0.25


class Stop(StrEnum):
    """Why a job is stopped before its song is there."""

    CANCEL = "cancel"  # the client's wish, or its deadline
    LOST = "lost"  # somebody else holds the lease now
    DRAIN = "drain"  # this worker leaves


class JobRun:
    """`start` submits the songs; `run` sees them through and never raises for what a job can meet."""

    def __init__(self, claim: Claim, served: Served, queue: Queue, store: Store, duties: Duties) -> None:
        self.claim = claim
        self.served = served
        self.audio_s = 0.0
        self.real_time_factor = 0.0
        self.unseated = claim.request.n if brings_sound(claim.request) else 0
        self.device_lost: Callable[[DeviceLost], None] = lambda _: None  # told before the job is handed back
        self._queue = queue
        self._store = store
        self._duties, self._leave = duties, duties.leave(claim, queue)
        self._stopped: Stop | None = None
        self._halted, self._lost = asyncio.Event(), asyncio.Event()
        self._broadcast = Broadcast(claim, queue, self._tell_of_audio, treatment=self._marking)
        self._songs = Songs(claim, served, queue, self._broadcast)
        self._keeping = Keeping(claim, store, queue, lambda: self._stopped is not None, self._tell)
        self._inputs: tuple[Input, ...] = ()
        self._result: dict[str, Any] | None = None
        self._noted = False
        self._error: MuscgenError | None = None

    async def start(self) -> None:
        """Take places in the engine, so that the engine's free slots are known when this returns.

        A job that listens takes them later, and says with `unseated` how many.
        """
        if not self.unseated:
            await self._begin()

    async def _begin(self) -> None:
        try:
            await self._leave.ask()
            heard = NOTHING
            if self.unseated:
                open_artifact = partial(self._store.open, verify=True)
                hear = partial(listen, for_credentials=self.served.papers.credentials)
                heard = await self._unless_stopped(
                    asyncio.to_thread(hear, self.claim.request, self.served.backend, open_artifact)
                )
                self._inputs = heard.inputs
            await self._songs.begin(heard)
        except Exception as error:  # noqa: BLE001 - whatever a song meets ends this job, not the worker
            self._refuse(error)
        self.unseated = 0
        if self._stopped is not None:
            self._songs.cancel()

    async def _unless_stopped(self, work: Coroutine[Any, Any, Heard]) -> Heard:
        """A thread cannot be stopped; but nobody need wait for it. Raises Cancelled."""
        task, bell = asyncio.ensure_future(work), asyncio.create_task(self._halted.wait())
        try:
            await asyncio.wait({task, bell}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Cancelled("the job was stopped while its sound was prepared")
            return task.result()
        finally:
            task.cancel()
            bell.cancel()

    def stop(self, reason: Stop) -> None:
        """Free the slots within a step. Only in the loop's thread; a lost lease outweighs all else."""
        if self._stopped is None or reason is Stop.LOST:
            self._stopped = reason
        self._halted.set()
        if self._stopped is Stop.LOST:
            self._lost.set()
        self._songs.cancel()

    async def run(self) -> State | None:
        """How the job ended, QUEUED if it goes on elsewhere; None if the lease was lost."""
        try:
            if self.unseated:
                await self._begin()
            if self._error is None and self._songs.begun:
                await self._make()
            state = await self._let_go()
            await self._keeping.let_go(state)
        finally:
            self._songs.cancel()
        return state

    async def _make(self) -> None:
        aside = [
            asyncio.create_task(work)
            for work in (
                self._report(),
                self._songs.keep_saving(),
                self._broadcast.run(),
                self._leave.watch(self._forbid),
            )
        ]
        outputs = [asyncio.create_task(self._output(index)) for index in range(self.claim.request.n)]
        try:
            made = await asyncio.gather(*outputs)
            self._result = result_of(self.claim, self.served, made, self._songs)
            usage = self._result["usage"]
            self.audio_s = usage["audio_seconds"] - sum(self._songs.resumed_s.values())
            self.real_time_factor = usage["real_time_factor"]
        except Exception as error:  # noqa: BLE001 - whatever a song meets ends this job, not the worker
            self._refuse(error)
        finally:
            self._songs.cancel()
            for task in (*aside, *outputs):
                task.cancel()
            await asyncio.gather(*aside, *outputs, return_exceptions=True)

    async def _output(self, index: int) -> MadeOutput:
        made, finished = await self._good_song(index)
        await self._broadcast.accept(index)
        self._songs.warnings += [f"output {index}: {warning}" for warning in finished.warnings]
        request, times = self.claim.request, Times(self.claim.created_at, self.claim.claimed_at)
        receipt = await asyncio.to_thread(
            receipt_of, request, self.served, index, finished, self._inputs, times
        )
        artifact = await self._keeping.keep(index, finished, receipt)
        output = MadeOutput(index, request.seed_of(index), made, finished, artifact, self.served)
        await self._tell("output", output.to_dict())
        return output

    async def _good_song(self, index: int) -> tuple[Made, Finished]:
        request, served = self.claim.request, self.served
        origin = served.origin(request, index, self._inputs)
        marks = (
            served.tags(origin, request.seed_of(index)),
            served.mark(request, index),
            served.seal(origin),
        )
        while True:
            made = await traced(self.claim, index, self._songs.made(index))
            try:
                with finishing(index) as done:
                    finished = await asyncio.to_thread(finish, made.audio, request.output, *marks)
                    done(finished)
                return made, finished
            except BadSong as bad:
                if self._stopped is not None or not self._songs.again(index):
                    raise
                warning = f"output {index} was made again with another sub-seed: {bad.detail}"
                self._songs.warnings.append(warning)
                await self._tell("warning", {"output": index, "detail": warning})

    def _marking(self, output: int) -> Treatment:
        """What the live sound of an output goes through."""
        mark, shape = self.served.mark(self.claim.request, output), self.served.backend.shape
        if mark is None:
            return untreated(output)
        stream = mark.stream(sample_rate=shape.sample_rate, channels=shape.channels)
        return lambda chunk, last: Audio(stream.push(chunk.samples, last=last), chunk.sample_rate)

    async def _report(self) -> None:
        meter, last = Meter(), None
        while self._stopped is None:
            now = meter.read(self._songs.progress, self.claim.request.n, self._songs.resumed_from_s)
            if now != last:
                last = now
                await self._tell("progress", now)
            await asyncio.sleep(REPORT_INTERVAL_S)

    async def _tell_of_audio(self, output: int, after_s: float) -> None:
        await self._tell("audio", {"output": output, "time_to_first_audio": round(after_s, 4)})

    async def _tell(self, kind: str, payload: dict[str, Any]) -> None:
        """Reports may fall into an outage: the song goes on without them."""
        try:
            if kind != "progress":
                await self._queue.emit(self.claim, kind, payload)
                return
            wishes = await self._queue.report(self.claim, payload)
            self._broadcast.heed(wishes.sound)
            if wishes.stop:
                self.stop(Stop.CANCEL)
        except QueueUnavailable:
            telemetry.warning("job.report_missed", job=self.claim.job_id, kind=kind)
        except LeaseLost:
            self.stop(Stop.LOST)

    def _forbid(self, error: Exception) -> None:
        """Somebody else put an end to it."""
        self._refuse(error)
        self._songs.cancel()

    def _refuse(self, error: Exception) -> None:
        if self._error is not None or (isinstance(error, Cancelled) and self._stopped is not None):
            return
        if not isinstance(error, MuscgenError):
            telemetry.error("job.error", error, job=self.claim.job_id)
            error = InternalError(f"the worker met an error that nobody foresaw: {type(error).__name__}")
        self._error = error
        if isinstance(error, DeviceLost):
            self.device_lost(error)

    async def _let_go(self) -> State | None:
        """Tell the queue, through outages, for as long as the lease may still be ours."""
        while self._stopped is not Stop.LOST:
            try:
                return await self._settle()
            except LeaseLost:
                self.stop(Stop.LOST)
            except QueueUnavailable:
                telemetry.warning("job.settle_waits", job=self.claim.job_id)
                await _sleep_unless(self._lost, OUTAGE_PAUSE_S)
        return None

    async def _settle(self) -> State:
        if self._result is not None and await self._may_be_shown():
            size = sum(output["artifact"]["bytes"] for output in self._result["outputs"])
            return await self._queue.finish(
                self.claim, self._result, maker=self.served.maker, size_bytes=size
            )
        if self._stopped is Stop.CANCEL:
            return await self._queue.confirm_cancel(self.claim)
        if self._error is not None and not isinstance(self._error, DeviceLost):
            return await self._queue.fail(
                self.claim, self._error.to_dict(), retry=_worth_a_retry(self._error)
            )
        await self._songs.save(surely=True)
        return await self._queue.hand_back(self.claim)

    async def _may_be_shown(self) -> bool:
        """Once the consent stands after all, and what was made is written down."""
        if self._noted:
            return True
        try:
            await self._leave.keep(self._keeping.kept)
            await self._duties.note(self.claim, self.served.to_dict(), self._keeping.kept)
        except (ConsentRefused, AuditUnavailable) as error:
            self._result = None
            self._refuse(error)
            return False
        self._noted = True
        return True


async def _sleep_unless(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _worth_a_retry(error: MuscgenError) -> bool:
    """A bad song stays bad on every worker, since songs follow from their seeds."""
    return error.retryable and not isinstance(error, BadSong)
