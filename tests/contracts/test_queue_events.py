"""Listening to a job, from the first event or after the last one heard."""

from __future__ import annotations

import asyncio
import time

import pytest
from queues import MODEL, song, until

from muscgen.errors import InvalidRequest, JobNotFound
from muscgen.jobs import State


async def played(queue):
    enqueued = await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w", 1)
    await queue.report(claim, {"fraction": 0.5})
    await queue.emit(claim, "warning", {"text": "é"})
    await queue.finish(claim, {})
    return enqueued.job_id


async def test_events_of_a_finished_job_are_all_there_and_end(queue):
    events = [event async for event in queue.events(await played(queue))]
    assert [event.kind for event in events] == ["queued", "started", "progress", "warning", "completed"]
    assert [event.payload for event in events[2:4]] == [{"fraction": 0.5}, {"text": "é"}]
    assert events[-1].payload == {"state": "succeeded", "error": None}


async def test_events_go_on_after_the_last_one_heard(queue):
    job_id = await played(queue)
    events = [event async for event in queue.events(job_id)]
    for number, event in enumerate(events):
        assert [later async for later in queue.events(job_id, after=event.id)] == events[number + 1 :]


async def test_events_come_as_they_happen(queue):
    enqueued = await queue.enqueue(song())
    heard = []

    async def listen():
        async for event in queue.events(enqueued.job_id):
            heard.append((event.kind, time.monotonic()))  # noqa: PERF401  it is read meanwhile

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(listen())
        await asyncio.sleep(0.1)
        [claim] = await queue.claim([MODEL], "w", 1)
        await asyncio.sleep(0.1)
        told = time.monotonic()
        await queue.report(claim, {"fraction": 0.1})
        await until(lambda: heard[-1][0] == "progress")
        assert heard[-1][1] - told < 1.0
        await queue.fail(claim, {"code": "bad_song"}, retry=False)
    assert [kind for kind, _ in heard] == ["queued", "started", "progress", "completed"]


async def test_a_listener_hears_the_end_of_a_deleted_job(queue):
    enqueued = await queue.enqueue(song())
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        listening = group.create_task(kinds(queue, enqueued.job_id))
        await asyncio.sleep(0.1)
        await queue.delete(enqueued.job_id)
    assert listening.result() == ["queued", "completed"]


async def kinds(queue, job_id):
    return [event.kind async for event in queue.events(job_id)]


async def test_a_listener_may_leave_at_any_time(queue):
    enqueued = await queue.enqueue(song())
    for pause_s in (0, 0.001, 0.01, 0.05):
        task = asyncio.create_task(kinds(queue, enqueued.job_id))
        await asyncio.sleep(pause_s)
        task.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert (await queue.get(enqueued.job_id)).state is State.QUEUED


async def test_only_ids_of_events_can_be_gone_on_from(queue):
    enqueued = await queue.enqueue(song())
    with pytest.raises(InvalidRequest):
        await anext(queue.events(enqueued.job_id, after="$"))
    with pytest.raises(JobNotFound):
        await anext(queue.events("job_000000000000_x"))


async def test_a_worker_tells_only_what_is_its_to_tell(queue):
    await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w", 1)
    with pytest.raises(ValueError, match="completed"):
        await queue.emit(claim, "completed", {})


async def test_waiting_ends_with_the_job(queue):
    enqueued = await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w", 1)
    waiting = asyncio.create_task(queue.wait(enqueued.job_id, 5))
    await asyncio.sleep(0.1)
    await queue.finish(claim, {"ok": True})
    async with asyncio.timeout(1):
        assert (await waiting).result == {"ok": True}
    assert (await queue.wait(enqueued.job_id, 5)).state is State.SUCCEEDED


async def test_waiting_ends_after_its_time(queue):
    enqueued = await queue.enqueue(song())
    started = time.monotonic()
    assert (await queue.wait(enqueued.job_id, 0.2)).state is State.QUEUED
    assert 0.15 < time.monotonic() - started < 1


async def test_only_the_last_events_are_kept(queue, client):
    await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w", 1)
    for step in range(2_500):
        await queue.report(claim, {"step": step})
    key = queue._keys(MODEL).events(claim.job_id)
    assert 2_000 <= await client.xlen(key) < 2_300
    await queue.finish(claim, {})
    events = [event async for event in queue.events(claim.job_id)]
    assert events[-1].kind == "completed"
    assert len(events) == await client.xlen(key)
