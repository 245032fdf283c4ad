"""A worker whose queue goes away."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from bench import Bench, idle

from muscgen.jobs import EmbeddedServer, State


@pytest.fixture
def server(tmp_path):
    with EmbeddedServer(tmp_path / "queue") as running:
        yield running


@pytest.fixture
async def bench(server, tmp_path):
    bench = Bench(server.url, "outage", tmp_path / "artifacts", lease_s=2.0)
    yield bench
    await bench.client.aclose()


async def test_songs_go_on_through_a_short_outage_and_finish_after_it(bench, server):
    bench.organ.step_s = 0.03
    job_id = await bench.ask()
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        await asyncio.sleep(1.1)  # the server's file is synchronised every second
        os.kill(server.pid, signal.SIGKILL)
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
    bench.organ.step_s = 0.02
    job_id = await bench.ask(duration=15.0)
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await idle(worker, limit_s=5.0)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        bench.organ.step_s = 0.0
        assert (await bench.ended(job_id)).state is State.SUCCEEDED
