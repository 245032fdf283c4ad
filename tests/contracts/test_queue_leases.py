"""Many claimers, dead claimers, and the keeper that renews."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter

import pytest
from queues import MODEL, Heard, song, started, swept_until, until

from muscgen.errors import InternalError, LeaseLost
from muscgen.jobs import Lease, LeaseKeeper, State
from muscgen.jobs import claims as claims_room
from muscgen.jobs.connect import connect_blocking


async def test_each_of_50_jobs_runs_once(queue):
    ids = {(await queue.enqueue(song(seed=seed))).job_id for seed in range(50)}
    runs = Counter()

    async def work(worker):
        while len(runs) < 50:
            for claim in await queue.claim([MODEL], worker, 3):
                runs[claim.job_id] += 1
                await asyncio.sleep(0.002)
                await queue.finish(claim, {})
            await queue.wait_for_work([MODEL], 0.05)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(f"w{number}") for number in range(6)))
    assert runs == dict.fromkeys(ids, 1)


CLAIMER = """
import asyncio, sys
from muscgen.jobs import Queue, connect
async def main(url, prefix, model):
    queue = Queue(connect(url), prefix=prefix, lease_s=1.0)
    claims = await queue.claim([model], "doomed", 2)
    print(len(claims), claims[0].claimed_at, flush=True)
    await asyncio.sleep(60)
asyncio.run(main(*sys.argv[1:]))
"""


async def test_jobs_of_a_killed_claimer_come_back_after_one_lease(make_queue, server):
    queue = make_queue(lease_s=1.0)
    ids = {(await queue.enqueue(song(seed=seed))).job_id for seed in range(2)}
    command = [sys.executable, "-c", CLAIMER, server.url, queue.prefix, MODEL]
    with started(command) as doomed:
        count, claimed_at = (await asyncio.to_thread(doomed.stdout.readline)).split()
        assert count == "2"
        os.kill(doomed.pid, signal.SIGKILL)
    found = {}
    async with asyncio.timeout(60):
        while len(found) < 2:
            found |= {claim.job_id: claim for claim in await queue.claim([MODEL], "w", 9)}
            await asyncio.sleep(0.02)
    assert {job_id: claim.attempt for job_id, claim in found.items()} == dict.fromkeys(ids, 2)
    assert min(claim.claimed_at for claim in found.values()) >= float(claimed_at) + 1.0


async def test_a_job_whose_workers_all_die_is_a_dead_letter(make_queue):
    queue = make_queue(lease_s=0.1, max_attempts=2)
    enqueued = await queue.enqueue(song())
    for _ in range(2):
        assert len(await queue.claim([MODEL], "w", 1)) == 1

        async def taken_away():
            return (await queue.get(enqueued.job_id)).state is not State.RUNNING

        await swept_until(queue, taken_away)
    job = await queue.get(enqueued.job_id)
    assert (job.state, job.error["code"], job.attempts) == (State.FAILED, "attempts_exhausted", 2)
    assert [letter.job_id for letter in await queue.dead_letters(MODEL)] == [enqueued.job_id]


async def test_after_an_outage_longer_than_a_lease_owners_get_one_more(make_queue):
    queue = make_queue(lease_s=1.0)
    await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w1", 1)
    await asyncio.sleep(1.1)  # nobody reaches the server
    assert await queue.claim([MODEL], "w2", 1) == []
    assert await queue.renew([claim]) == {claim.job_id: Lease.HELD}
    assert await queue.finish(claim, {}) is State.SUCCEEDED


async def test_waiting_for_work_wakes_at_once_and_never_sleeps_over_a_second(queue):
    async def woken():
        while not await queue.wait_for_work([MODEL, "another"], 30):  # True: by a job, False: by the clock
            pass

    waiting = asyncio.create_task(woken())
    await asyncio.sleep(0.1)
    await queue.enqueue(song(model="another"))
    async with asyncio.timeout(60):
        await waiting
    assert len(await queue.claim([MODEL, "another"], "w", 5)) == 1
    started = time.monotonic()
    assert await queue.wait_for_work([MODEL], 30) is False
    assert 0.9 < time.monotonic() - started < 25


@pytest.fixture
def heard():
    return Heard()


async def test_a_keeper_holds_leases_through_a_blocked_event_loop(make_queue, server, heard):
    queue = make_queue(lease_s=3.0)
    await queue.enqueue(song())
    with heard.keeper(queue, server) as keeper:
        [claim] = await queue.claim([MODEL], "w1", 1)
        with_eyes_shut = connect_blocking(server.url, timeout_s=5.0)
        ends = queue._keys(MODEL).leases, claim.job_id
        first = with_eyes_shut.zscore(*ends)
        keeper.add(claim)
        while with_eyes_shut.zscore(*ends) < first + 1000 * queue.lease_s:
            time.sleep(0.05)  # noqa: ASYNC251  that is the point
        with_eyes_shut.close()
        assert await queue.claim([MODEL], "w2", 1) == []
        assert await queue.finish(claim, {}) is State.SUCCEEDED
        keeper.remove(claim)
    assert heard.lost == heard.cancelled == []


async def listening(queue, limit_s=60.0):
    """Until the keeper's thread hears what is published."""
    async with asyncio.timeout(limit_s):
        while not await queue.redis.pubsub_numpat():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_keeper_hears_of_a_cancel_at_once_and_once(make_queue, server, heard):
    queue = make_queue(lease_s=360.0)  # so that a renewal, each two minutes, is no explanation
    await queue.enqueue(song())
    with heard.keeper(queue, server) as keeper:
        [claim] = await queue.claim([MODEL], "w1", 1)
        keeper.add(claim)
        await listening(queue)
        await queue.cancel(claim.job_id)
        await until(lambda: heard.cancelled)
        await queue.cancel(claim.job_id)
        await asyncio.sleep(0.5)
        assert heard.cancelled == [claim.job_id]
        await queue.confirm_cancel(claim)


async def test_a_keeper_hears_of_a_cancel_from_before_its_time_at_the_next_renewal(make_queue, server, heard):
    queue = make_queue(lease_s=3.0)
    await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w1", 1)
    await queue.cancel(claim.job_id)
    with heard.keeper(queue, server) as keeper:
        keeper.add(claim)
        await until(lambda: heard.cancelled)


async def test_a_keeper_hears_that_a_job_was_deleted_or_is_overdue(make_queue, server, heard):
    queue = make_queue(lease_s=360.0)
    await queue.enqueue(song())
    await queue.enqueue(song(deadline=0.2))
    with heard.keeper(queue, server) as keeper:
        deleted, overdue = await queue.claim([MODEL], "w1", 2)
        keeper.add(deleted)
        keeper.add(overdue)
        await listening(queue)
        await queue.delete(deleted.job_id)
        await until(lambda: heard.lost)

        async def told():
            return heard.cancelled

        await swept_until(queue, told)
    assert (heard.lost, heard.cancelled) == ([deleted.job_id], [overdue.job_id])
    with pytest.raises(LeaseLost):
        await queue.finish(deleted, {})


async def test_a_callback_that_raises_costs_no_lease(make_queue, server):
    queue, calls = make_queue(lease_s=3.0), []

    def broken(job_id):
        calls.append(job_id)
        raise RuntimeError(job_id)

    for seed in range(2):
        await queue.enqueue(song(seed=seed))
    with LeaseKeeper(
        server.url, lease_s=queue.lease_s, on_lost=broken, on_cancel=broken, prefix=queue.prefix
    ) as keeper:
        one, two = await queue.claim([MODEL], "w1", 2)
        keeper.add(one)
        keeper.add(two)
        await listening(queue)
        await queue.cancel(one.job_id)
        await until(lambda: calls == [one.job_id])
        leases = queue._keys(MODEL).leases
        before = await queue.redis.zscore(leases, two.job_id)

        async def renewed():
            return await queue.redis.zscore(leases, two.job_id) > before

        await swept_until(queue, renewed)
        assert await queue.finish(two, {}) is State.SUCCEEDED


async def test_a_request_of_another_version_stops_no_other_job_and_waits_for_a_worker_of_it(
    make_queue, monkeypatch
):
    monkeypatch.setattr(claims_room, "DECLINE_PAUSE_S", 0.05)
    queue = make_queue(max_attempts=1)
    strange = await queue.enqueue(song())
    known = await queue.enqueue(song(seed=8))
    record = queue._keys(MODEL).job(strange.job_id)
    readable = await queue.redis.hget(record, "request")
    await queue.redis.hset(record, "request", '{"model": "muscgen-tiny", "new": 1}')

    claims = await queue.claim([MODEL], "w", 9)

    assert [claim.job_id for claim in claims] == [known.job_id]
    await queue.finish(claims[0], {})
    assert await queue.running(MODEL) == 0
    assert await queue.redis.hmget(record, "state", "attempts") == [b"queued", b"0"]
    assert [job.id for job in (await queue.list()).jobs] == [known.job_id]
    with pytest.raises(InternalError):
        await queue.get(strange.job_id)

    await queue.redis.hset(record, "request", readable)  # as one of that version would read it
    claims = await claimed_in_time(queue)
    assert [(claim.job_id, claim.attempt) for claim in claims] == [(strange.job_id, 1)]
    await queue.finish(claims[0], {})


async def test_a_request_that_no_worker_can_read_for_long_is_a_dead_letter(make_queue, monkeypatch):
    monkeypatch.setattr(claims_room, "DECLINE_PAUSE_S", 0.0)
    monkeypatch.setattr(claims_room, "DECLINE_PATIENCE_S", 0.0)
    queue = make_queue()
    strange = await queue.enqueue(song())
    record = queue._keys(MODEL).job(strange.job_id)
    await queue.redis.hset(record, "request", json.dumps(json.loads(song().to_json()) | {"new": 1}))
    async with asyncio.timeout(10):
        while await queue.redis.hget(record, "state") == b"queued":
            assert await queue.claim([MODEL], "w", 1) == []
            await asyncio.sleep(0.01)
    job = await queue.get(strange.job_id)  # shown without what is new
    assert (job.state, job.error["code"]) == (State.FAILED, "internal_error")
    (letter,) = await queue.dead_letters(MODEL)
    assert "newer version" in letter.error["detail"]
    with pytest.raises(InternalError, match="this version"):
        await queue.revive(strange.job_id)


async def claimed_in_time(queue):
    async with asyncio.timeout(10):
        while not (claims := await queue.claim([MODEL], "w", 9)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return claims
