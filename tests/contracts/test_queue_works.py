"""Equal work is made once: while it runs, and afterwards from the cache."""

from __future__ import annotations

import pytest
from queues import MODEL, song

from muscgen.errors import DeadlineTooShort, QueueFull, QuotaExceeded, RateLimited
from muscgen.jobs import Lease, State
from muscgen.jobs.limits import Limits

RESULT = {"outputs": [{"artifact": {"id": "a"}}]}


async def submit(queue, work="w", tenant="t", **changes):
    return (await queue.enqueue(song(**changes), work=work, tenant=tenant)).job_id


async def take(queue, limit=1):
    return await queue.claim([MODEL], "worker", limit)


async def states(queue, *ids):
    return [(await queue.get(job_id)).state for job_id in ids]


async def test_equal_jobs_are_made_once_and_all_get_the_song(queue):
    first, second, third = [await submit(queue) for _ in range(3)]
    [claim] = await take(queue, 9)
    assert claim.job_id == first
    fourth = await submit(queue)
    assert await states(queue, first, second, third, fourth) == [State.RUNNING] * 4
    await queue.report(claim, {"fraction": 0.5})
    assert (await queue.get(second)).progress == {"fraction": 0.5}
    await queue.finish(claim, RESULT)
    jobs = [await queue.get(job_id) for job_id in (first, second, third, fourth)]
    assert [job.result for job in jobs] == [RESULT] * 4
    assert [job.cache for job in jobs] == ["miss", *["coalesced"] * 3]
    kinds = [event.kind async for event in queue.events(third)]
    assert kinds == ["queued", "started", "progress", "completed"]


async def test_a_later_equal_job_is_a_hit_and_final_at_once(queue):
    first = await submit(queue)
    [claim] = await take(queue)
    await queue.finish(claim, RESULT, maker="m", size_bytes=10)
    enqueued = await queue.enqueue(song(), work="w", tenant="t")
    job = await queue.get(enqueued.job_id)
    assert (job.state, job.cache, job.result, job.leader) == (State.SUCCEEDED, "hit", RESULT, first)
    assert enqueued.position is None
    assert await take(queue) == []
    assert [event.kind async for event in queue.events(job.id)] == ["queued", "completed"]


async def test_a_job_with_no_work_in_common_is_made_for_itself(queue):
    await submit(queue)
    other, alone = await submit(queue, work="x"), await submit(queue, work="")
    assert len(await take(queue, 9)) == 3
    assert [(await queue.get(job_id)).cache for job_id in (other, alone)] == ["miss", "off"]


async def test_a_cached_song_of_workers_that_would_make_it_otherwise_is_no_hit(queue):
    await submit(queue)
    [claim] = await take(queue)
    await queue.finish(claim, RESULT, maker="old", size_bytes=10)
    await queue.heartbeat("worker", [MODEL], slots=1, free=1, makers={MODEL: "new"})
    assert (await queue.get(await submit(queue))).cache == "miss"
    await queue.heartbeat("worker", [MODEL], slots=1, free=1, makers={MODEL: "old"})
    assert (await queue.get(await submit(queue))).cache == "hit"


async def test_the_cache_is_bounded_and_lets_the_longest_unused_go(make_queue):
    queue = make_queue(cache_bytes=25)
    for work in "abc":
        await submit(queue, work=work)
        [claim] = await take(queue)
        await queue.finish(claim, RESULT, size_bytes=10)
        if work == "b":
            assert (await queue.get(await submit(queue, work="a"))).cache == "hit"
    assert (await queue.get(await submit(queue, work="a"))).cache == "hit"
    assert (await queue.get(await submit(queue, work="b"))).cache == "miss"
    assert (await queue.stats(MODEL)).cached_bytes == 20


async def test_what_a_cached_song_is_evicted_from_stays_for_jobs_that_point_to_it(make_queue):
    queue = make_queue(cache_bytes=10)
    maker = await submit(queue, work="a")
    [claim] = await take(queue)
    await queue.finish(claim, RESULT, size_bytes=10)
    await submit(queue, work="a")
    await submit(queue, work="b")
    [claim] = await take(queue)
    await queue.finish(claim, RESULT, size_bytes=10)
    await queue.delete(maker)
    assert await queue.holder(maker) == "t"
    assert await queue.holder(claim.job_id) == "t"
    await queue.delete(claim.job_id)
    assert await queue.holder(claim.job_id) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_files_are_nobodys_once_all_jobs_that_show_them_are_deleted(queue, order):
    maker, fan = await submit(queue), await submit(queue)
    [claim] = await take(queue)
    await queue.finish(claim, RESULT)
    jobs = [maker, fan, await submit(queue)]
    for number in order:
        assert await queue.holder(maker) == "t"
        await queue.delete(jobs[number])
    assert await queue.holder(maker) is None


async def test_no_cache_keeps_nothing_but_equal_jobs_still_share(make_queue):
    queue = make_queue(cache_s=0)
    first, second = await submit(queue), await submit(queue)
    [claim] = await take(queue)
    await queue.finish(claim, RESULT)
    assert await states(queue, first, second) == [State.SUCCEEDED] * 2
    assert (await queue.get(await submit(queue))).cache == "miss"


async def test_a_leader_that_is_cancelled_leaves_its_codes_to_the_next(queue):
    first, second, third = [await submit(queue) for _ in range(3)]
    [claim] = await take(queue)
    await queue.save_codes(claim, {0: b"codes"})
    await queue.cancel(first)
    assert (await queue.renew([claim]))[first] is Lease.CANCEL
    assert await queue.confirm_cancel(claim) is State.CANCELLED
    assert await states(queue, first, second, third) == [State.CANCELLED, State.QUEUED, State.QUEUED]
    [claim] = await take(queue, 9)
    assert claim.job_id in {second, third}
    assert await queue.load_codes(claim.job_id) == {0: b"codes"}
    await queue.finish(claim, RESULT)
    assert await states(queue, second, third) == [State.SUCCEEDED] * 2


async def test_a_leader_that_is_deleted_while_it_waits_passes_its_place_on(queue):
    first, second = await submit(queue), await submit(queue)
    other = await submit(queue, work="x")
    await queue.delete(first)
    assert [claim.job_id for claim in await take(queue, 9)] == [second, other]


async def test_a_fan_leaves_at_once_and_costs_the_others_nothing(queue):
    first, second, third = [await submit(queue) for _ in range(3)]
    [claim] = await take(queue)
    assert (await queue.cancel(second)).state is State.CANCELLED
    await queue.delete(third)
    assert (await queue.renew([claim]))[first] is Lease.HELD
    await queue.finish(claim, RESULT)
    assert await states(queue, first, second) == [State.SUCCEEDED, State.CANCELLED]


async def test_a_fan_that_is_in_a_hurry_hurries_the_leader(queue):
    await submit(queue, work="x", priority="normal")
    slow = await submit(queue, priority="batch")
    quick = await submit(queue, priority="interactive")
    assert (await queue.get(quick)).position == 0
    assert (await take(queue))[0].job_id == slow


async def test_fans_fail_as_their_leader_fails_and_wait_while_it_is_tried_again(make_queue):
    queue = make_queue(max_attempts=2, backoff_cap_s=0.0)
    first, second = await submit(queue), await submit(queue)
    [claim] = await take(queue)
    await queue.fail(claim, {"code": "x"}, retry=True)
    assert await states(queue, first, second) == [State.QUEUED] * 2
    [claim] = await take(queue)
    await queue.fail(claim, {"code": "x"}, retry=True)
    assert await states(queue, first, second) == [State.FAILED] * 2
    assert (await queue.get(second)).error == {"code": "x"}
    assert (await queue.get(await submit(queue))).cache == "miss"


async def test_tenants_take_turns(queue):
    for seed in range(4):
        await submit(queue, work="", tenant="many", seed=seed)
    await submit(queue, work="", tenant="few", seed=9)
    claims = await take(queue, 9)
    seeds = [claim.request.seed for claim in claims]
    assert (sorted(seeds[:2]), seeds[2:]) == ([0, 9], [1, 2, 3])


async def test_a_tenant_has_no_more_made_at_once_than_it_may(queue):
    limits = Limits(concurrency=1)
    for seed in range(2):
        await queue.enqueue(song(seed=seed), tenant="t", limits=limits)
    await submit(queue, work="", tenant="other", seed=5)
    claims = await take(queue, 9)
    assert {claim.request.seed for claim in claims} == {0, 5}
    await queue.finish(next(claim for claim in claims if claim.request.seed == 0), RESULT)
    assert [claim.request.seed for claim in await take(queue, 9)] == [1]


async def test_a_tenant_has_no_more_waiting_than_it_may(queue):
    limits = Limits(queue_depth=1)
    await queue.enqueue(song(), tenant="t", limits=limits)
    with pytest.raises(QueueFull, match="your limit is 1"):
        await queue.enqueue(song(), tenant="t", limits=limits)
    await queue.enqueue(song(), tenant="other", limits=limits)
    await take(queue, 1)
    await queue.enqueue(song(), tenant="t", limits=limits)


async def test_jobs_a_minute_and_seconds_a_day_are_counted_over_all_models(queue):
    limits = Limits(seconds_per_day=10)
    for model in ("one", "two"):
        await queue.enqueue(song(model=model), tenant="t", limits=limits)
    with pytest.raises(QuotaExceeded, match=r"left of your 10 s a day") as refused:
        await queue.enqueue(song(), tenant="t", limits=limits)
    assert (refused.value.param, refused.value.suggestion) == ("duration", "at most 2 s now")
    assert refused.value.retry_after_s > 80_000
    with pytest.raises(RateLimited) as refused:
        await queue.enqueue(song(), tenant="t", limits=Limits(per_minute=2))
    assert 1 <= refused.value.retry_after_s <= 60


async def test_the_same_job_again_and_a_job_that_was_refused_cost_nothing(make_queue):
    queue = make_queue(max_depth=1)
    limits = Limits(per_minute=2)
    for _ in range(3):
        await queue.enqueue(song(), tenant="t", limits=limits, idempotency_key="k", body_hash="b")
    for _ in range(3):
        with pytest.raises(QueueFull):
            await queue.enqueue(song(), tenant="t", limits=limits)


async def test_a_deadline_that_no_worker_can_meet_is_refused_and_one_that_came_too_near_expires(queue):
    await queue.heartbeat("worker", [MODEL], slots=1, free=1, audio_s_per_s=2.0)
    with pytest.raises(DeadlineTooShort, match=r"4 s of music take 2\.0 s here"):
        await queue.enqueue(song(duration=4.0, deadline=1.0))
    job_id = (await queue.enqueue(song(duration=4.0, deadline=3.0))).job_id
    assert await queue.claim([MODEL], "worker", 1, audio_s_per_s=0.5) == []
    assert (await queue.get(job_id)).state is State.EXPIRED


async def test_a_paused_queue_accepts_and_gives_nothing_out(queue):
    await queue.pause(MODEL)
    job_id = await submit(queue)
    assert await take(queue) == []
    stats = await queue.stats(MODEL)
    assert (stats.paused, stats.waiting["normal"]) == (True, 1)
    await queue.resume(MODEL)
    assert [claim.job_id for claim in await take(queue)] == [job_id]


async def test_it_is_known_how_long_the_next_of_each_class_has_waited(queue):
    now = (await queue.redis.time())[0]
    for priority, waited_s in (("interactive", 40), ("batch", 90)):
        job_id = (await queue.enqueue(song(priority=priority))).job_id
        key = queue._keys_of(job_id).job(job_id)
        await queue.redis.hset(key, "created", (now - waited_s) * 1000)
    stats = await queue.stats(MODEL)
    assert stats.waiting == {"interactive": 1, "normal": 0, "batch": 1}
    assert stats.oldest_by_class_s["normal"] == 0
    assert (
        stats.oldest_s
        == stats.oldest_by_class_s["batch"]
        >= 90
        > stats.oldest_by_class_s["interactive"]
        >= 40
    )


async def test_a_purge_cancels_what_waits_and_leaves_what_runs(queue):
    running = await submit(queue, work="")
    await take(queue)
    waiting = [await submit(queue, work=work) for work in ("", "w", "w")]
    assert await queue.purge(MODEL) == 3
    assert await states(queue, running, *waiting) == [State.RUNNING, *[State.CANCELLED] * 3]
