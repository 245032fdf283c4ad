"""At least once, whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from .receiver import silence

TESTS = Path(__file__).parents[1]


@contextlib.asynccontextmanager
async def mortal(url: str, prefix: str):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "webhooks.mortal", url, prefix, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_dispatcher_killed_in_the_middle_of_a_call_leaves_it_to_the_next(room, server):
    room.receiver.answers = [silence]
    job_id = await room.ask()
    await room.make()
    async with mortal(server.url, room.queue.prefix) as process:
        await room.receiver.until(1)
        process.kill()
    async with room.telling():
        first, second = await room.receiver.until(2)
        await room.empty()
    assert first.id == second.id
    assert [heard.verified()["data"]["id"] for heard in (first, second)] == [job_id] * 2


async def test_what_ends_while_no_dispatcher_runs_is_told_by_the_next(room):
    job_id = await room.ask("started", "completed")
    await room.make()
    async with room.telling():
        heard = await room.receiver.until(2)
        await room.empty()
    assert room.receiver.kinds == ["job.started", "job.completed"]
    assert {one.told["data"]["id"] for one in heard} == {job_id}


async def test_a_dispatcher_that_is_stopped_lets_its_calls_end(room):
    async def slow(_, writer):
        await asyncio.sleep(0.3)
        writer.write(b"HTTP/1.1 204 So\r\nConnection: close\r\n\r\n")

    room.receiver.answers = [slow]
    await room.ask()
    await room.make()
    async with room.telling():
        await room.receiver.until(1)
    await room.empty()
    assert len(room.receiver.heard) == 1


async def test_an_outage_of_the_queue_is_sat_out(room, monkeypatch):
    from muscgen.errors import QueueUnavailable
    from muscgen.webhooks import dispatcher

    monkeypatch.setattr(dispatcher, "AWAY_S", 0.01)
    take, failures = room.queue.take_calls, [QueueUnavailable("away"), RuntimeError("odd")]

    async def failing(*arguments):
        if failures:
            raise failures.pop()
        return await take(*arguments)

    monkeypatch.setattr(room.queue, "take_calls", failing)
    await room.ask()
    await room.make()
    async with room.telling():
        await room.receiver.until(1)
        await room.empty()
