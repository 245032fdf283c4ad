"""Who gets in, who is next, and how long one may wait."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from queues import MODEL, faults, lapse, song, swept_until

from muscgen.errors import IdempotencyConflict, InvalidRequest, NoWorker, QueueFull
from muscgen.jobs import Lease, State


async def test_one_key_and_one_body_are_one_job(queue):
    first = await queue.enqueue(song(), idempotency_key="k", body_hash="b")
    again = await queue.enqueue(song(seed=9), idempotency_key="k", body_hash="b")
    assert (first.created, again.created) == (True, False)
    assert again.job_id == first.job_id
    [claim] = await queue.claim([MODEL], "w", 9)
    await queue.finish(claim, {})
    assert (await queue.enqueue(song(), idempotency_key="k", body_hash="b")).job_id == first.job_id
    assert await queue.claim([MODEL], "w", 9) == []


@pytest.mark.parametrize("model", [MODEL, "another"])
async def test_one_key_and_two_bodies_are_a_conflict(queue, model):
    await queue.enqueue(song(), idempotency_key="k", body_hash="b")
    with pytest.raises(IdempotencyConflict):
        await queue.enqueue(song(model=model), idempotency_key="k", body_hash="c")


async def test_keys_of_tenants_do_not_meet(queue):
    ids = {
        (await queue.enqueue(song(), idempotency_key=key, body_hash="b", tenant=tenant)).job_id
        for tenant, key in [("a", "bc"), ("ab", "c"), ("", "abc")]
    }
    assert len(ids) == 3


async def test_a_key_is_free_again_when_its_job_was_refused_or_deleted(make_queue):
    queue = make_queue(max_depth=1)
    first = await queue.enqueue(song(model="full"))
    with pytest.raises(QueueFull):
        await queue.enqueue(song(model="full"), idempotency_key="k", body_hash="b")
    other = await queue.enqueue(song(), idempotency_key="k", body_hash="c")
    assert other.created
    await queue.delete(other.job_id)
    await queue.delete(first.job_id)
    assert (await queue.enqueue(song(model="full"), idempotency_key="k", body_hash="b")).created


async def test_one_key_posted_at_once_by_many_is_one_job(queue):
    found = await asyncio.gather(
        *(queue.enqueue(song(), idempotency_key="k", body_hash="b") for _ in range(20))
    )
    assert len({one.job_id for one in found}) == 1
    assert sum(one.created for one in found) == 1


async def test_the_same_job_id_is_one_job(queue):
    first = await queue.enqueue(song())
    again = await queue.enqueue(song(), job_id=first.job_id)
    assert (again.job_id, again.created) == (first.job_id, False)


async def test_a_full_queue_says_when_to_come_back(make_queue):
    queue = make_queue(max_depth=3)
    await queue.heartbeat("w", [MODEL], slots=2, free=0, audio_s_per_s=2.0)
    for _ in range(3):
        await queue.enqueue(song(duration=10.0))
    with pytest.raises(QueueFull) as refusal:
        await queue.enqueue(song())
    assert refusal.value.retry_after_s == pytest.approx(3 * 10 / 2)
    await queue.enqueue(song(model="another"))
    await queue.claim([MODEL], "w", 1)
    assert (await queue.enqueue(song())).created


async def test_many_at_once_do_not_pass_the_limit(make_queue):
    queue = make_queue(max_depth=5)
    answers = await asyncio.gather(*(queue.enqueue(song()) for _ in range(20)), return_exceptions=True)
    assert Counter(type(answer).__name__ for answer in answers) == {"Enqueued": 5, "QueueFull": 15}


async def test_no_worker_is_an_error_only_where_one_is_required(make_queue):
    queue, brief = make_queue(require_worker=True), make_queue(require_worker=True, worker_ttl_s=0.1)
    with pytest.raises(NoWorker):
        await queue.enqueue(song())
    await queue.heartbeat("w", [MODEL], slots=2, free=1)
    assert (await queue.enqueue(song())).created
    await queue.goodbye("w", [MODEL])
    await brief.heartbeat("w", [MODEL], slots=2, free=1)
    await asyncio.sleep(0.15)
    with pytest.raises(NoWorker):
        await queue.enqueue(song())


async def test_workers_are_known_until_they_leave(queue):
    await queue.heartbeat("w1", [MODEL, "another"], slots=4, free=1, audio_s_per_s=3.5)
    await queue.heartbeat("w2", [MODEL], slots=2, free=2)
    one, two = sorted(await queue.workers(MODEL), key=lambda worker: worker.id)
    assert (one.id, one.model, one.slots, one.free, one.audio_s_per_s) == ("w1", MODEL, 4, 1, 3.5)
    assert two.seen_at >= one.seen_at > 1e9
    await queue.goodbye("w1", [MODEL, "another"])
    assert [worker.id for worker in await queue.workers(MODEL)] == ["w2"]
    assert await queue.workers("another") == []


async def test_the_eta_is_the_work_ahead_by_the_throughput(queue):
    assert await queue.eta_s(MODEL) is None
    for _ in range(4):
        await queue.enqueue(song(duration=8.0))
    assert await queue.eta_s(MODEL) is None
    await queue.heartbeat("w1", [MODEL], slots=1, free=1, audio_s_per_s=3.0)
    await queue.heartbeat("w2", [MODEL], slots=1, free=1)
    assert await queue.eta_s(MODEL) == pytest.approx(4 * 8 / 4)
    assert await queue.eta_s(MODEL, position=0) == pytest.approx(8 / 4)


async def test_classes_go_before_each_other_and_each_is_first_come_first_served(queue):
    order = ["batch", "normal", "interactive", "batch", "normal", "interactive"]
    for seed, priority in enumerate(order):
        await queue.enqueue(song(seed=seed, priority=priority))
    claims = await queue.claim([MODEL], "w", 9)
    assert [claim.request.seed for claim in claims] == [2, 5, 1, 4, 0, 3]


async def test_old_batch_jobs_stand_among_the_normal_ones(make_queue):
    queue = make_queue(ageing_s=0.05)
    for seed, priority in ((1, "batch"), (2, "normal"), (3, "interactive")):
        await queue.enqueue(song(seed=seed, priority=priority))
        await asyncio.sleep(0.04)  # jobs of one millisecond have no order of their own
    claims = await queue.claim([MODEL], "w", 9)
    assert [claim.request.seed for claim in claims] == [3, 1, 2]


async def test_positions_are_counted_from_zero(queue):
    ids = [(await queue.enqueue(song(seed=seed))).job_id for seed in range(3)]
    first = await queue.enqueue(song(priority="interactive"))
    assert first.position == 0
    assert [(await queue.get(job_id)).position for job_id in ids] == [1, 2, 3]
    assert await queue.depth(MODEL) == 4


async def test_a_queued_job_past_its_deadline_expires(queue):
    enqueued = await queue.enqueue(song(deadline=0.05))
    await asyncio.sleep(0.08)
    assert await queue.claim([MODEL], "w", 1) == []
    job = await queue.get(enqueued.job_id)
    assert (job.state, job.error["code"]) == (State.EXPIRED, "deadline_exceeded")
    assert job.deadline_at == pytest.approx(job.created_at + 0.05, abs=0.002)


async def pass_deadline(queue, job_id, seconds=1.0):
    """The job's time has been over for so long."""
    keys, now = queue._keys_of(job_id), (await queue.redis.time())[0]
    ended = round((now - seconds) * 1000)
    await queue.redis.hset(keys.job(job_id), "deadline", ended)
    await queue.redis.zadd(keys.base + "deadlines", {job_id: ended})


async def test_a_running_job_past_its_deadline_is_told_and_expires(queue):
    await queue.enqueue(song(deadline=60.0))
    [claim] = await queue.claim([MODEL], "w", 1)
    assert not (await queue.report(claim, {})).stop
    await pass_deadline(queue, claim.job_id)
    assert (await queue.report(claim, {})).stop
    assert await queue.renew([claim]) == {claim.job_id: Lease.OVERDUE}
    assert await queue.confirm_cancel(claim) is State.EXPIRED
    assert (await queue.get(claim.job_id)).error["code"] == "deadline_exceeded"


async def test_a_running_job_that_ignores_its_deadline_is_taken_away_a_lease_later(queue):
    await queue.enqueue(song(deadline=60.0))
    [claim] = await queue.claim([MODEL], "w", 1)
    await pass_deadline(queue, claim.job_id)
    await queue.renew([claim])
    await queue.sweep()
    assert (await queue.get(claim.job_id)).state is State.RUNNING
    await pass_deadline(queue, claim.job_id, queue.lease_s + 1.0)
    await queue.renew([claim])
    await queue.sweep()
    assert (await queue.get(claim.job_id)).state is State.EXPIRED
    assert await queue.renew([claim]) == {claim.job_id: Lease.LOST}


async def test_lists_are_newest_first_and_paged_without_gaps(queue):
    ids = [
        (await queue.enqueue(song(model=model, seed=seed))).job_id
        for seed in range(6)
        for model in (MODEL, "another")
    ]
    assert {job.id for job in (await queue.list()).jobs} == set(ids)
    pages, cursor = [], None
    while True:
        page = await queue.list(limit=5, cursor=cursor)
        pages.append([job.id for job in page.jobs])
        if (cursor := page.next_cursor) is None:
            break
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [job_id for page in pages for job_id in page] == [job.id for job in (await queue.list()).jobs]
    created = [job.created_at for job in (await queue.list()).jobs]
    assert created == sorted(created, reverse=True)


async def test_lists_are_filtered_by_state_and_model(queue):
    for seed in range(5):
        await queue.enqueue(song(seed=seed))
    await queue.enqueue(song(model="another"))
    for claim in await queue.claim([MODEL], "w", 2):
        await queue.finish(claim, {})
    assert len((await queue.list(model=MODEL)).jobs) == 5
    page = await queue.list(state="succeeded", limit=1)
    rest = await queue.list(state=State.SUCCEEDED, limit=1, cursor=page.next_cursor)
    # Jobs of one millisecond have no order of their own.
    assert sorted(job.request.seed for job in page.jobs + rest.jobs) == [0, 1]
    assert (len(page.jobs), len(rest.jobs), rest.next_cursor) == (1, 1, None)
    assert len((await queue.list(state="queued")).jobs) == 4
    assert (await queue.list(model="nobody")).jobs == []


@pytest.mark.parametrize("cursor", ["?", "abc", "é", "MTIz", "eCB5"])
async def test_a_cursor_of_somebody_else_is_refused(queue, cursor):
    with pytest.raises(InvalidRequest):
        await queue.list(cursor=cursor)


async def test_nothing_is_left_without_an_expiry_once_all_is_final(queue, client):
    for seed in range(6):
        await queue.enqueue(song(seed=seed, deadline=60.0), idempotency_key=str(seed), body_hash="b")
    await queue.heartbeat("w", [MODEL], slots=1, free=1)
    done, failed, cancelled, back, _crashed = await queue.claim([MODEL], "w", 5)
    await queue.finish(done, {})
    await queue.fail(failed, {"code": "x"}, retry=False)
    await queue.save_codes(cancelled, {0: b"x"})
    await queue.cancel(cancelled.job_id)
    await queue.confirm_cancel(cancelled)
    await queue.fail(back, {"code": "x"}, retry=True)
    await lapse(queue)

    async def finished():  # what is tried again comes back after a pause
        for claim in await queue.claim([MODEL], "w", 9):
            await queue.finish(claim, {})
        return all(job.terminal for job in (await queue.list()).jobs)

    await swept_until(queue, finished)
    assert {job.state for job in (await queue.list()).jobs} <= {"succeeded", "failed", "cancelled"}
    assert await faults(client, queue.prefix) == []
