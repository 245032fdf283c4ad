"""What workers are asked to do with models, and which models jobs wait for."""

from __future__ import annotations

import asyncio

import pytest
from queues import MODEL, song

from muscgen.errors import NotFound, NoWorker
from muscgen.jobs import Coming, tasks


async def take(queue, worker, place="disk"):
    claim = await queue.take_task(worker, place)
    assert claim is not None
    return claim


async def test_a_place_has_one_part_however_many_workers_live_there(queue):
    with pytest.raises(NoWorker):
        await queue.ask_workers("pull", "m")
    for worker, place in (("a", "disk"), ("b", "disk"), ("c", "other")):
        await queue.beat(worker, place)
    task = await queue.ask_workers("pull", "m", {"revision": "v1"}, asker="ops")
    assert {part.name for part in task.parts} == {"disk", "other"}
    mine = await take(queue, "a")
    assert (mine.kind, mine.model, mine.wish) == ("pull", "m", {"revision": "v1"})
    assert await queue.take_task("b", "disk") is None
    theirs = await take(queue, "c", "other")
    await queue.end_task(mine, "succeeded")
    assert (await queue.task(task.id)).state == "running"
    await queue.end_task(theirs, "failed", {"code": "store_full"})
    ended = await queue.task(task.id)
    assert ended.state == "failed"
    assert [part.error for part in ended.parts if part.name == "other"] == [{"code": "store_full"}]


async def test_loading_is_every_worker_s(queue):
    for worker in ("a", "b"):
        await queue.beat(worker, "disk")
    task = await queue.ask_workers("load", "m")
    for worker in ("a", "b"):
        claim = await take(queue, worker)
        assert claim.part == worker
        await queue.end_task(claim, "succeeded")
    assert (await queue.task(task.id)).state == "succeeded"


async def test_the_same_wish_is_the_same_task_until_it_is_over(queue):
    await queue.beat("a", "disk")
    first = await queue.ask_workers("pull", "m")
    assert (await queue.ask_workers("pull", "m")).id == first.id
    assert (await queue.ask_workers("pull", "m", {"revision": "v2"})).id != first.id
    await queue.end_task(await take(queue, "a"), "succeeded")
    assert (await queue.ask_workers("pull", "m")).id != first.id


async def test_tasks_are_taken_in_the_order_in_which_they_were_asked_for_however_fast(queue):
    await queue.beat("a", "disk")
    asked = [await queue.ask_workers("pull", f"m{number}") for number in range(20)]
    assert [(await take(queue, "a")).task_id for _ in asked] == [task.id for task in asked]


async def test_a_worker_that_dies_is_followed_by_the_next_at_its_place(queue, monkeypatch):
    await queue.beat("a", "disk")
    await queue.ask_workers("pull", "m")
    lost = await take(queue, "a")
    assert await queue.take_task("b", "disk") is None
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "LEASE_S", 0.05)
        assert await queue.report_task(lost, {"bytes_done": 1}) == "held"
    await asyncio.sleep(0.1)
    mine = await take(queue, "b")
    assert await queue.report_task(lost, {}) == "lost"
    await queue.end_task(lost, "failed", {"code": "x"})
    await queue.end_task(mine, "succeeded")
    [part] = (await queue.task(mine.task_id)).parts
    assert (part.state, part.worker, part.error) == ("succeeded", "b", None)


async def test_the_part_of_a_worker_that_left_for_good_fails(queue, monkeypatch):
    for worker in ("a", "b"):
        await queue.beat(worker, "disk")
    task = await queue.ask_workers("load", "m")
    await queue.leave("b")
    await queue.end_task(await take(queue, "a"), "succeeded")
    assert await queue.take_task("a", "disk") is None
    ended = await queue.task(task.id)
    assert ended.state == "failed"
    assert [part.error["code"] for part in ended.parts if part.name == "b"] == ["attempts_exhausted"]


async def test_the_newest_task_is_listed_first_even_within_one_millisecond(queue):
    await queue.beat("a", "disk")
    asked = [(await queue.ask_workers("pull", f"m{n}")).id for n in range(20)]
    assert [task.id for task in await queue.tasks()] == asked[::-1]


async def test_a_task_is_cancelled_before_it_begins_or_while_it_runs(queue):
    await queue.beat("a", "disk")
    waits = await queue.ask_workers("pull", "m")
    await queue.cancel_task(waits.id)
    assert await queue.take_task("a", "disk") is None
    assert (await queue.task(waits.id)).state == "cancelled"
    runs = await queue.ask_workers("pull", "m")
    claim = await take(queue, "a")
    assert (await queue.cancel_task(runs.id)).cancel_requested
    assert await queue.report_task(claim, {}) == "cancel"
    await queue.end_task(claim, "cancelled")
    assert (await queue.task(runs.id)).state == "cancelled"
    assert [task.id for task in await queue.tasks()] == [runs.id, waits.id]
    with pytest.raises(NotFound):
        await queue.cancel_task("task_none")


async def test_models_are_wanted_while_jobs_wait_that_are_not_paused(queue):
    assert await queue.wanted([]) == []
    assert await queue.wanted([MODEL, "other"]) == []
    await queue.enqueue(song())
    assert await queue.wanted(["other", MODEL]) == [MODEL]
    await queue.pause(MODEL)
    assert await queue.wanted([MODEL]) == []
    await queue.resume(MODEL)
    await queue.claim([MODEL], "w", 1)
    assert await queue.wanted([MODEL]) == []


async def test_what_comes_is_told_until_it_is_here(queue):
    assert await queue.coming(MODEL) is None
    await queue.announce(MODEL, Coming("w", "fetching", 1, 2))
    assert await queue.coming(MODEL) == Coming("w", "fetching", 1, 2)
    await queue.arrived(MODEL)
    assert await queue.coming(MODEL) is None


async def test_a_worker_says_what_it_holds(queue):
    await queue.heartbeat("w", [MODEL], slots=0, free=0, holds="here")
    assert [worker.holds for worker in await queue.workers(MODEL)] == ["here"]
