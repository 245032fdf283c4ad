"""Workers without engines, and those who ask them for songs, by the queue's own methods.

They call what muscgen.worker and muscgen.api call; tests/operations/test_simulation.py compares the two.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from muscgen.jobs import Claim, Queue
from muscgen.jobs.traces import Traces
from muscgen.request import SongRequest
from muscgen.worker.progress import REPORT_INTERVAL_S

MODEL = "muscgen-tiny"
SAVE_S, BEAT_S, TURN_S, WAIT_S = 2.0, 5.0, 1.0, 1.0  # as workers have them
CODES_BYTES_PER_S = 400
OUTPUT = {"index": 0, "artifact": {"id": "0" * 64, "bytes": 200_000}, "provenance": "x" * 900}
RESULT = {"model": {"id": MODEL}, "outputs": [OUTPUT], "warnings": [], "usage": "x" * 200}
PROGRESS = {
    "fraction": 0.5, "stage": "generating", "steps_done": 250, "steps_total": 503, "audio_seconds_done": 5.0,
    "eta_seconds": 4.2, "resumed_from_seconds": None,
}  # fmt: skip


@dataclass
class Counts:
    """What happened, and how long answers took."""

    ended: int = 0
    late_s: list[float] = field(default_factory=list)  # a song's end after its time, for want of answers
    latencies: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


def request(seconds: float, seed: int) -> SongRequest:
    sampling = {"temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0}
    body = {"model": MODEL, "prompt": "warm lo-fi with a soft piano, 90 bpm, mellow", "duration": seconds}
    return SongRequest.model_validate(body | {"seed": seed, "sampling": sampling, "delivery": {}})


class FakeWorker:
    """`slots` songs at once, each made in `song_s` seconds, for ever."""

    def __init__(
        self, name: str, queue: Queue, slots: int, song_s: float, counts: Counts, dice: random.Random
    ) -> None:
        self._name, self._queue, self._slots, self._song_s, self._counts = name, queue, slots, song_s, counts
        self._dice = dice
        self._songs: dict[str, tuple[Claim, asyncio.Task[None]]] = {}
        self._free = asyncio.Event()

    async def run(self) -> None:
        await asyncio.sleep(self._dice.uniform(0, BEAT_S))  # not all in one moment
        chores = [self._beat(), self._errands(), self._renew(), self._claim()]
        await asyncio.gather(*chores)

    async def _claim(self) -> None:
        speed = self._slots / self._song_s * 10
        while True:
            claims: list[Claim] = []
            if len(self._songs) < self._slots:
                claims = await self._queue.claim([MODEL], self._name, 1, audio_s_per_s=speed)
            for claim in claims:
                self._songs[claim.job_id] = claim, asyncio.create_task(self._make(claim))
            if not claims:
                self._free.clear()
                try:
                    async with asyncio.timeout(WAIT_S):
                        await self._free.wait()
                except TimeoutError:
                    continue

    async def _make(self, claim: Claim) -> None:
        began = time.monotonic()
        try:
            await self._queue.load_codes(claim.job_id)
            aside = [asyncio.create_task(each) for each in (self._report(claim), self._save(claim))]
            await asyncio.sleep(self._song_s)
            for task in aside:
                task.cancel()
            await self._queue.emit(claim, "audio", {"output": 0, "time_to_first_audio": 0.41})
            await Traces(self._queue.redis, self._queue.prefix).note(
                ["sound:x", "mark:y"], "0" * 64, time.time() + 60
            )
            await self._queue.emit(claim, "output", OUTPUT)
            await self._queue.finish(claim, RESULT, maker="m", size_bytes=200_000)
            self._counts.ended += 1
            self._counts.late_s.append(time.monotonic() - began - self._song_s)
        except Exception as error:  # noqa: BLE001  it is counted
            self._counts.faults[type(error).__name__] += 1
        finally:
            self._songs.pop(claim.job_id, None)
            self._free.set()

    async def _report(self, claim: Claim) -> None:
        while True:
            await self._timed(self._queue.report(claim, PROGRESS))
            await asyncio.sleep(REPORT_INTERVAL_S)

    async def _save(self, claim: Claim) -> None:
        made_s = 0.0
        while True:
            await asyncio.sleep(SAVE_S)
            made_s += SAVE_S * 10 / self._song_s
            await self._queue.save_codes(claim, {0: b"x" * round(24 + CODES_BYTES_PER_S * made_s)})

    async def _beat(self) -> None:
        while True:
            free = self._slots - len(self._songs)
            await self._queue.heartbeat(
                self._name, [MODEL], slots=self._slots, free=free, audio_s_per_s=10.0, makers={MODEL: "m"}
            )
            await self._queue.sweep()
            await asyncio.sleep(BEAT_S)

    async def _errands(self) -> None:
        turn = 0
        while True:
            if turn % 5 == 0:
                await self._queue.beat(self._name, self._name)
            await self._queue.take_task(self._name, self._name)
            turn += 1
            await asyncio.sleep(TURN_S)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._queue.lease_s / 3)
            await self._queue.renew([claim for claim, _ in self._songs.values()])

    async def _timed(self, call: Any) -> None:  # noqa: ANN401
        began = time.perf_counter()
        await call
        self._counts.latencies.append(time.perf_counter() - began)


class Askers:
    """Keep so many jobs waiting that no slot is ever free."""

    def __init__(self, queue: Queue, waiting: int, seconds: float) -> None:
        self._queue, self._waiting, self._seconds = queue, waiting, seconds
        self._seed = 0
        self.asked = 0

    async def run(self, together: int) -> None:
        await asyncio.gather(*(self._ask_on() for _ in range(together)))

    async def _ask_on(self) -> None:
        while True:
            if await self._queue.depth(MODEL) >= self._waiting:
                await asyncio.sleep(0.05)
                continue
            await self.ask()

    async def ask(self) -> str:
        """As the API does for a POST, and for the client that comes back for the end."""
        self._seed += 1
        enqueued = await self._queue.enqueue(
            request(self._seconds, self._seed), work=f"work-{self._seed}", tenant="one", body_hash="0" * 64
        )
        job = await self._queue.get(enqueued.job_id)
        outlook = await self._queue.outlook(MODEL)
        await self._queue.promise(enqueued.job_id, outlook.eta_s(job.position) or 1.0)
        self.asked += 1
        return enqueued.job_id
