"""A workbench for workers: all is real but the backend, whose pace a test sets."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from muscgen.artifacts import DirectoryStore
from muscgen.audit import audit_of
from muscgen.backends.base import ModelShape
from muscgen.engine import Engine
from muscgen.errors import QueueUnavailable
from muscgen.jobs import LeaseKeeper, Queue, State, connect
from muscgen.models.card import Card
from muscgen.models.registry import Registry
from muscgen.provenance.papers import Papers
from muscgen.request import SongRequest
from muscgen.settings import load
from muscgen.worker import Served, Worker
from muscgen.worker.duties import Duties
from muscgen.worker.room import Room
from muscgen.worker.roster import Roster

MODEL = "muscgen-tiny"
SHAPE = ModelShape(
    codebooks=2,
    vocabulary=16,
    special=16,
    delays=(0, 1),
    frame_rate=50,
    sample_rate=8000,
    channels=1,
    hop=160,
    max_steps=1000,
    max_text_tokens=16,
)


CRAWL_S = 1.0
LEASE_S = 30.0  # of tests that are not about leases: however slow the machine, none runs out by itself


class Organ:
    """Every code is a tone; a step takes `step_s`, or a second where a song is to be under way."""

    shape = SHAPE

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.step_s = 0.001
        self.steps = 0
        self.trouble: Exception | None = None
        self._crawls_from: int | None = None
        self._hurry = threading.Event()

    def crawl_after(self, steps: int) -> None:
        """So many steps from now, songs go on so slowly that none ends before the test has done its part."""
        self._hurry.clear()
        self._crawls_from = self.steps + steps

    def hurry(self) -> None:
        """As fast as it goes again, from this very step on."""
        self.step_s, self._crawls_from = 0.0, None
        self._hurry.set()

    def encode_text(self, text):
        return text

    def null_text(self, beside):  # noqa: ARG002
        return None

    def open_row(self, row, text, melody=None):  # noqa: ARG002
        return 0

    def set_text(self, row, text):
        pass

    def move_row(self, source, target, length):
        pass

    def step(self, tokens, positions):  # noqa: ARG002
        self.steps += 1
        if self._crawls_from is not None and self.steps > self._crawls_from:
            self._hurry.wait(CRAWL_S)
        else:
            time.sleep(self.step_s)
        if self.trouble is not None:
            raise self.trouble
        return np.zeros((len(tokens), SHAPE.codebooks, SHAPE.vocabulary), np.float32)

    def feed(self, rows, tokens, position):
        pass

    def open_codec(self):
        return Pipes()

    def close(self):
        pass


class Pipes:
    def push(self, codes, *, last):  # noqa: ARG002
        t = np.arange(SHAPE.hop) / SHAPE.sample_rate
        frames = [np.sin(2 * np.pi * 100 * (1 + code) * t) for code in codes[0]]
        return np.concatenate([np.zeros(0), *frames]).astype(np.float32)[None] * np.float32(0.3)


def song(**changes) -> SongRequest:
    body = {
        "model": MODEL,
        "prompt": "organ",
        "duration": 1.0,
        "seed": 7,
        "sampling": {"temperature": 1.0, "top_k": 0, "top_p": 0.0, "guidance_scale": 3.0},
    }
    return SongRequest.model_validate(body | changes)


class Bench:
    """Queue, store and what workers there are."""

    def __init__(self, url: str, prefix: str, folder: Path) -> None:
        self.url, self.prefix = url, prefix
        self.client = connect(url)
        self.lease(LEASE_S)
        self.store = DirectoryStore(folder)
        self.audit = audit_of(load({}, home=folder / "home"))
        self.card = Registry(folder / "none").get(MODEL)
        self.organ = Organ(rows=8)
        self.papers = Papers()

    def lease(self, lease_s: float) -> None:
        """Leases of this length from now on."""
        self.lease_s = lease_s
        self.queue = Queue(self.client, prefix=self.prefix, lease_s=lease_s, backoff_cap_s=0.05)

    async def lose(self, job_id: str) -> None:
        """The lease ran out long ago; said again where it was renewed meanwhile.

        Drain its worker before, or that one claims the job again.
        """
        keys = self.queue._keys_of(job_id)
        held = await self.client.hmget(keys.job(job_id), "state", "token")
        while await self.client.hmget(keys.job(job_id), "state", "token") == held:
            await self.client.zadd(keys.leases, {job_id: 1})
            await self.queue.sweep()

    @contextlib.asynccontextmanager
    async def worker(self, name: str = "w1", *, drain_s: float = 60.0) -> AsyncIterator[Worker]:
        """A worker at work; drained in haste at the end, unless the test has drained it."""
        roster = Roster(self._load, Room(load({}, slots=4, memory_mb=4_000)), lambda card: card.revision)
        roster.offers = {MODEL: self.card}
        await roster.load(MODEL)
        duties = Duties(self.audit, "noncommercial")
        worker = Worker(name, self.queue, self.store, roster, self._keeper, duties, drain_s=drain_s)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.drain()
            worker.drain()
            await task
            occupied = await _occupied(roster)
            for served in roster.loaded.values():
                served.engine.close()  # the backend is the test's
        assert not occupied, f"{occupied} slots are still occupied"

    def _load(self, card: Card, slots: int) -> Served:
        engine = Engine(self.organ, slots=slots, chunk_s=0.1)
        return Served(card, engine, self.organ, slots, "organ", "fp32", papers=self.papers)

    def _keeper(self, on_lost, on_cancel) -> LeaseKeeper:
        return LeaseKeeper(
            self.url, lease_s=self.lease_s, on_lost=on_lost, on_cancel=on_cancel, prefix=self.prefix
        )

    async def ask(self, trace: str = "", **changes) -> str:
        return (await self.queue.enqueue(song(**changes), trace=trace)).job_id

    async def ended(self, job_id: str, limit_s: float = 60.0):
        until = time.monotonic() + limit_s
        while True:
            try:
                job = await self.queue.wait(job_id, until - time.monotonic())
            except QueueUnavailable:
                assert time.monotonic() < until
                await asyncio.sleep(0.1)
                continue
            assert job.terminal, job
            return job

    async def until(self, job_id: str, state: State, limit_s: float = 60.0):
        """The job once it is in a state and, if running, has made a few steps."""
        async with asyncio.timeout(limit_s):
            while True:
                job = await self.queue.get(job_id)
                if job.state is state and (state is not State.RUNNING or job.progress.get("steps_done")):
                    return job
                await asyncio.sleep(0.02)

    async def kinds(self, job_id: str) -> list[str]:
        return [event.kind async for event in self.queue.events(job_id)]

    def files(self) -> list[Path]:
        """What the store holds, without what is attached."""
        return sorted(path for path in self.store._root.glob("??/*.json") if "+" not in path.name)


async def _occupied(roster: Roster, limit_s: float = 30.0) -> int:
    """Slots that are not let go of at the end of the step that is under way."""
    until = time.monotonic() + limit_s
    while True:
        occupied = sum(served.slots - served.engine.free for served in roster.loaded.values())
        if not occupied or time.monotonic() > until:
            return occupied
        await asyncio.sleep(0.01)


async def idle(worker: Worker, limit_s: float = 60.0) -> None:
    """Until the worker has let go of all its jobs."""
    async with asyncio.timeout(limit_s):
        while worker.running:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
