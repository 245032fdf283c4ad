"""Listening to a job, from the first event or after the last one heard."""

from __future__ import annotations

import asyncio
import time

import pytest
from queues import MODEL, song, until

from muscgen.errors import InvalidRequest, JobNotFound, QueueUnavailable
from muscgen.jobs import Event, State, events, tail


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
            heard.append(event.kind)  # noqa: PERF401  it is read meanwhile

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(listen())
        await asyncio.sleep(0.1)
        [claim] = await queue.claim([MODEL], "w", 1)
        await asyncio.sleep(0.1)
        await queue.report(claim, {"fraction": 0.1})
        await until(lambda: heard[-1] == "progress")
        await queue.fail(claim, {"code": "bad_song"}, retry=False)
    assert heard == ["queued", "started", "progress", "completed"]


async def test_a_listener_hears_the_end_of_a_deleted_job(queue):
    enqueued = await queue.enqueue(song())
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
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
        async with asyncio.timeout(30):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert (await queue.get(enqueued.job_id)).state is State.QUEUED


@pytest.fixture
def reads(queue, monkeypatch):
    """How often the stream was read."""
    read, count = queue._read, []

    async def counted(*asked):
        count.append(asked)
        return await read(*asked)

    monkeypatch.setattr(queue, "_read", counted)
    return count


async def test_many_who_follow_a_job_read_it_once(queue, reads):
    job_id = (await queue.enqueue(song())).job_id
    following = [asyncio.create_task(kinds(queue, job_id)) for _ in range(30)]
    waiting = [asyncio.create_task(queue.wait(job_id, 60)) for _ in range(10)]
    await until(lambda: job_id in queue._tails and queue._tails[job_id].followers == 40)
    [claim] = await queue.claim([MODEL], "w", 1)
    await queue.report(claim, {"fraction": 0.5})
    await queue.finish(claim, {})
    async with asyncio.timeout(60):
        heard = await asyncio.gather(*following)
        jobs = await asyncio.gather(*waiting)
    assert heard == [["queued", "started", "progress", "completed"]] * 30
    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert len(reads) < 10
    assert queue._tails == {}


async def test_who_joins_late_or_goes_on_hears_what_it_lacks_from_what_others_follow(queue):
    job_id = (await queue.enqueue(song())).job_id
    first = asyncio.create_task(kinds(queue, job_id))
    [claim] = await queue.claim([MODEL], "w", 1)
    await until(lambda: job_id in queue._tails and len(queue._tails[job_id]._events) == 2)
    seen = queue._tails[job_id]._events
    late = asyncio.create_task(kinds(queue, job_id))
    rest = asyncio.create_task(anext(queue.events(job_id, after=seen[0].id)))
    none = asyncio.create_task(anext(queue.events(job_id, after=seen[1].id)))
    assert (await rest).kind == "started"
    await queue.finish(claim, {})
    async with asyncio.timeout(60):
        assert await first == await late == ["queued", "started", "completed"]
        assert (await none).kind == "completed"


async def test_one_who_leaves_takes_nothing_from_the_others(queue):
    job_id = (await queue.enqueue(song())).job_id
    leaving, staying = (asyncio.create_task(kinds(queue, job_id)) for _ in range(2))
    await until(lambda: job_id in queue._tails and queue._tails[job_id].followers == 2)
    leaving.cancel()
    await asyncio.wait({leaving})
    await queue.cancel(job_id)
    async with asyncio.timeout(60):
        assert await staying == ["queued", "completed"]


async def test_what_breaks_the_reading_is_told_to_all_and_the_next_reads_anew(queue, monkeypatch):
    job_id = (await queue.enqueue(song())).job_id
    broken = asyncio.Event()

    async def breaking(*_):
        await broken.wait()
        raise QueueUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(queue, "_read", breaking)
        patch.setattr(events, "PATIENCE_S", 0.0)
        patch.setattr(events, "PAUSE_S", 0.01)
        following = [asyncio.create_task(kinds(queue, job_id)) for _ in range(3)]
        await until(lambda: job_id in queue._tails and queue._tails[job_id].followers == 3)
        broken.set()
        told = await asyncio.gather(*following, return_exceptions=True)
    assert [type(error) for error in told] == [QueueUnavailable] * 3
    assert queue._tails == {}
    await queue.cancel(job_id)
    assert await kinds(queue, job_id) == ["queued", "completed"]


async def test_who_is_far_behind_goes_on_from_the_oldest_that_is_kept(monkeypatch):
    monkeypatch.setattr(tail, "MOST_EVENTS", 10)
    one = tail.Tail()
    following = one.follow(None)
    one.add(Event(f"{number}-0", "progress", {}) for number in range(5))
    assert (await anext(following)).id == "0-0"
    one.add(Event(f"{number}-0", "progress", {}) for number in range(5, 30))
    one.end()
    assert [event.id async for event in following] == [f"{n}-0" for n in (1, 2, 3, 4, *range(20, 30))]


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
    waiting = asyncio.create_task(queue.wait(enqueued.job_id, 60))
    await asyncio.sleep(0.1)
    await queue.finish(claim, {"ok": True})
    async with asyncio.timeout(50):
        assert (await waiting).result == {"ok": True}
    assert (await queue.wait(enqueued.job_id, 5)).state is State.SUCCEEDED


async def test_waiting_ends_after_its_time(queue):
    enqueued = await queue.enqueue(song())
    started = time.monotonic()
    assert (await queue.wait(enqueued.job_id, 0.2)).state is State.QUEUED
    assert 0.15 < time.monotonic() - started < 30


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
