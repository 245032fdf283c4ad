"""A worker whose queue goes away, or whose store."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from bench import MODEL, Bench, idle

from muscgen.api.readiness import Readiness
from muscgen.artifacts import DirectoryStore
from muscgen.errors import DeviceLost, StoreFull, StoreUnavailable
from muscgen.jobs import EmbeddedServer, State
from muscgen.worker import keeping


@pytest.fixture
def server(tmp_path):
    with EmbeddedServer(tmp_path / "queue") as running:
        yield running


@pytest.fixture
async def bench(server, tmp_path):
    bench = Bench(server.url, "outage", tmp_path / "artifacts")
    yield bench
    await bench.client.aclose()


async def test_songs_go_on_through_a_short_outage_and_finish_after_it(bench, server):
    bench.organ.crawl_after(5)
    job_id = await bench.ask()
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        await asyncio.sleep(1.1)  # the server's file is synchronised every second
        os.kill(server.pid, signal.SIGKILL)
        bench.organ.hurry()
        job = await bench.ended(job_id)
        await idle(worker)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 1)


async def test_a_song_that_ends_in_an_outage_is_told_after_it(bench, server):
    bench.organ.step_s = 0.01
    job_id = await bench.ask()
    async with bench.worker():
        await bench.until(job_id, State.RUNNING)
        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(1.2)  # the song is made by now
        os.kill(server.pid, signal.SIGCONT)
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 1)


async def test_a_song_is_stopped_when_the_queue_is_silent_for_a_whole_lease(bench, server):
    bench.lease(2.0)
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=15.0)
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await idle(worker)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        bench.organ.hurry()
        assert (await bench.ended(job_id)).state is State.SUCCEEDED


class Away(DirectoryStore):
    """A store that answers only from a certain put on."""

    puts, back_at = 0, 2

    async def tried(self):
        while not self.puts:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def put(self, *arguments, **more):
        self.puts += 1
        if self.puts < self.back_at:
            raise StoreFull("no space is left for files")
        return super().put(*arguments, **more)


@pytest.fixture
def away(bench, monkeypatch):
    monkeypatch.setattr(keeping, "FIRST_PAUSE_S", 0.05)
    bench.store = Away(bench.store._root)
    return bench.store


async def test_a_song_waits_for_a_store_that_is_away(bench, away):
    away.back_at = 4
    job_id = await bench.ask()
    async with bench.worker():
        job = await bench.ended(job_id)
    assert (job.state, job.attempts, away.puts) == (State.SUCCEEDED, 1, 4)
    assert (await bench.kinds(job_id)).count("warning") == 1


async def test_after_a_while_the_job_is_tried_again_and_its_song_is_not_made_anew(bench, away, monkeypatch):
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.2)
    away.back_at = 4
    job_id = await bench.ask(duration=3.0)
    async with bench.worker():
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 2)
    assert job.result["resumed_from_seconds"] >= 2.0


async def test_a_store_that_never_comes_back_fails_the_job_with_its_reason(bench, away, monkeypatch):
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.1)
    away.back_at = 1_000
    job_id = await bench.ask()
    async with bench.worker():
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.FAILED, 3)
    assert (job.error["code"], job.error["retryable"]) == ("store_full", True)


async def test_a_job_is_cancelled_while_it_waits_for_the_store(bench, away):
    away.back_at = 1_000
    job_id = await bench.ask()
    async with bench.worker() as worker:
        await away.tried()
        await bench.queue.cancel(job_id)
        job = await bench.ended(job_id)
        await idle(worker)
    assert job.state is State.CANCELLED


async def test_a_drained_worker_hands_back_what_waits_for_the_store(bench, away):
    away.back_at = 1_000
    job_id = await bench.ask()
    async with bench.worker(drain_s=0.2) as worker:
        await away.tried()
        worker.drain()
        await idle(worker)
    assert (await bench.queue.get(job_id)).state is State.QUEUED
    away.back_at = 0
    async with bench.worker("w2"):
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 1)


async def test_what_cannot_be_given_up_now_is_left_to_the_sweep(bench, monkeypatch):
    def away(*_):
        raise StoreUnavailable("the store of files does not answer")

    finish = bench.queue.finish

    async def too_late(claim, *rest, **more):
        await bench.queue.cancel(claim.job_id)
        return await finish(claim, *rest, **more)

    monkeypatch.setattr(bench.store, "release", away)
    monkeypatch.setattr(bench.queue, "finish", too_late)
    job_id = await bench.ask()
    async with bench.worker() as worker:
        job = await bench.ended(job_id)
        await idle(worker)
        assert job.state is State.CANCELLED
        assert len(bench.files()) == 1
        monkeypatch.undo()
        assert (await bench.ended(await bench.ask(seed=8))).state is State.SUCCEEDED


class AcceleratorError(RuntimeError):
    """As torch calls it."""


@pytest.mark.parametrize(
    "trouble",
    [AcceleratorError("unspecified launch failure"), RuntimeError("CUDA error: device-side assert")],
)
async def test_a_worker_whose_gpu_is_lost_leaves_and_its_songs_go_on_elsewhere(bench, trouble):
    bench.organ.step_s = 0.01
    jobs = [await bench.ask(seed=seed, duration=3.0) for seed in (1, 2)]
    readiness = Readiness(bench.queue, bench.store, lambda: [MODEL])
    with pytest.raises(DeviceLost):  # noqa: PT012  it is raised where the worker is left
        async with bench.worker() as worker:
            await asyncio.gather(*(bench.until(job, State.RUNNING) for job in jobs))
            assert (await readiness.report()).status == "ready"
            bench.organ.trouble = trouble
            await idle(worker, limit_s=10)
            while await bench.queue.workers(MODEL):  # noqa: ASYNC110  it says goodbye
                await asyncio.sleep(0.02)
    report = await readiness.report()
    assert (report.status, report.why) == ("degraded", [f"no worker serves {MODEL}"])
    for job_id in jobs:
        job = await bench.queue.get(job_id)
        assert (job.state, job.attempts) == (State.QUEUED, 0)  # no fault of theirs
    bench.organ.trouble = None
    async with bench.worker("w2"):
        for job_id in jobs:
            assert (await bench.ended(job_id)).state is State.SUCCEEDED


async def test_memory_that_runs_out_is_no_lost_gpu(bench):
    class OutOfMemoryError(RuntimeError):
        pass

    bench.organ.trouble = OutOfMemoryError("CUDA error: out of memory")
    job_id = await bench.ask()
    async with bench.worker():
        await asyncio.sleep(0.3)
        bench.organ.trouble = None
        assert (await bench.ended(job_id)).state is State.SUCCEEDED
