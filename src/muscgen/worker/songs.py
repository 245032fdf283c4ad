"""The songs of one job in the engine: begun or resumed, made again when bad, saved while they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from muscgen import telemetry
from muscgen.backends.base import Codes
from muscgen.engine import Handle, Made, Progress
from muscgen.errors import LeaseLost, QueueUnavailable
from muscgen.jobs import Claim, Queue
from muscgen.worker.broadcast import Broadcast
from muscgen.worker.checkpoints import SAVE_INTERVAL_S, Checkpoints, Saved, maker_of
from muscgen.worker.inputs import NOTHING, Heard
from muscgen.worker.loader import Served

ATTEMPTS_A_SONG = 2  # a bad song is tried once more, with another sub-seed


class Songs:
    """One for each output; `begin` first. Only in the loop's thread."""

    def __init__(self, claim: Claim, served: Served, queue: Queue, broadcast: Broadcast) -> None:
        self.warnings = list(claim.request.warnings)
        self.resumed_s: dict[int, float] = {}  # output: seconds of music that an earlier worker made
        self._claim, self._served, self._broadcast = claim, served, broadcast
        self._checkpoints = Checkpoints(claim, queue, maker_of(served.to_dict(), served.numbers))
        self._handles: dict[int, tuple[int, Handle]] = {}  # output: attempt, handle
        self._heard = NOTHING

    @property
    def begun(self) -> bool:
        return bool(self._handles)

    @property
    def progress(self) -> Collection[Progress]:
        return [handle.progress for _, handle in self._handles.values()]

    @property
    def resumed_from_s(self) -> float | None:
        """Where the output that was least far went on; None where all were begun here."""
        if not self.resumed_s:
            return None
        return min(self.resumed_s.get(output, 0.0) for output in range(self._claim.request.n))

    async def begin(self, heard: Heard = NOTHING) -> None:
        """Take places in the engine, so that its free slots are known when this returns."""
        self._heard = heard
        self.warnings += heard.warnings
        saved = await self._checkpoints.load()
        for output in range(self._claim.request.n):
            if output not in saved or not self._resume(output, saved[output]):
                self._submit(output, 0)

    async def made(self, output: int) -> Made:
        """The song, as the present attempt makes it; its codes are kept before it is returned."""
        made = await _made(self._handles[output][1])
        await self.save()
        return made

    def again(self, output: int) -> bool:
        """Throw the song away and begin another of the same seed; False where no attempt is left."""
        attempt = self._handles[output][0] + 1
        if attempt == ATTEMPTS_A_SONG:
            return False
        self.resumed_s.pop(output, None)
        self._submit(output, attempt)
        return True

    def cancel(self) -> None:
        """Free the slots within a step."""
        for _, handle in self._handles.values():
            handle.cancel()

    async def save(self, *, surely: bool = False) -> None:
        """Keep the codes so far. Only with `surely` raises QueueUnavailable and LeaseLost."""
        try:
            await self._checkpoints.save(self._handles)
        except (QueueUnavailable, LeaseLost):
            if surely:
                raise
            telemetry.warning("codes.not_saved", job=self._claim.job_id)

    async def keep_saving(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SAVE_INTERVAL_S)
            await self.save()

    def _resume(self, output: int, saved: Saved) -> bool:
        if saved.attempt >= ATTEMPTS_A_SONG:
            return False
        try:
            self._submit(output, saved.attempt, saved.codes)
        except ValueError as error:  # codes of another song
            telemetry.warning("codes.ignored", job=self._claim.job_id, output=output, reason=str(error))
            return False
        seconds = saved.codes.shape[1] / self._served.backend.shape.frame_rate
        self.resumed_s[output] = round(min(seconds, self._claim.request.duration_s), 3)
        if saved.attempt:
            self.warnings.append(f"output {output} was made again with another sub-seed")
        telemetry.event("song.resumed", job=self._claim.job_id, output=output, from_s=self.resumed_s[output])
        return True

    def _submit(self, output: int, attempt: int, codes: Codes | None = None) -> None:
        song = self._heard.song(self._claim.request, output, attempt)
        handle = self._served.engine.submit(song, self._heard.codes if codes is None else codes)
        self._handles[output] = attempt, handle
        self._broadcast.record(output, attempt, handle)


async def _made(handle: Handle) -> Made:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def wake(_: object) -> None:
        try:
            loop.call_soon_threadsafe(done.set)
        except RuntimeError:  # the loop has closed: nobody waits any more
            return

    handle.add_done_callback(wake)
    await done.wait()
    return handle.result(0)
