"""Every way through the table of states, and none beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from queues import MODEL, lapse, song

from muscgen.errors import InternalError, JobExpired, JobNotFound, LeaseLost
from muscgen.jobs import LEGAL, TERMINAL, Claim, Lease, Queue, State

ERROR = InternalError("no").to_dict()


async def running(queue: Queue, **changes: Any) -> Claim:
    await queue.enqueue(song(**changes))
    [claim] = await queue.claim([MODEL], "w1", 1)
    return claim


async def test_a_job_is_queued_then_running_then_succeeded(queue):
    enqueued = await queue.enqueue(song())
    job = await queue.get(enqueued.job_id)
    assert (job.state, job.position, job.queue_depth, job.attempts) == (State.QUEUED, 0, 1, 0)
    assert job.request == song()
    [claim] = await queue.claim([MODEL], "w1", 4)
    assert (claim.job_id, claim.attempt, claim.request) == (enqueued.job_id, 1, song())
    job = await queue.get(enqueued.job_id)
    assert (job.state, job.worker, job.position, job.attempts) == (State.RUNNING, "w1", None, 1)
    assert job.started_at >= job.created_at
    assert job.expires_at is None
    assert await queue.finish(claim, {"outputs": [1]}) is State.SUCCEEDED
    job = await queue.get(enqueued.job_id)
    assert (job.state, job.result, job.error) == (State.SUCCEEDED, {"outputs": [1]}, None)
    assert job.expires_at == pytest.approx(job.completed_at + 86_400)


async def test_a_failure_that_is_final_is_failed_at_once(queue):
    claim = await running(queue)
    assert await queue.fail(claim, ERROR, retry=False) is State.FAILED
    assert (await queue.get(claim.job_id)).error == ERROR


async def test_a_failure_to_retry_waits_its_back_off_and_comes_again(queue):
    claim = await running(queue)
    assert await queue.fail(claim, ERROR, retry=True) is State.QUEUED
    job = await queue.get(claim.job_id)
    assert (job.state, job.position, job.worker, job.started_at) == (State.QUEUED, None, None, None)
    assert await queue.claim([MODEL], "w1", 1) == []
    await asyncio.sleep(0.08)
    [again] = await queue.claim([MODEL], "w2", 1)
    assert (again.job_id, again.attempt) == (claim.job_id, 2)


async def test_the_last_failed_attempt_is_a_dead_letter_with_its_own_error(make_queue):
    queue = make_queue(max_attempts=1)
    claim = await running(queue)
    assert await queue.fail(claim, ERROR, retry=True) is State.FAILED
    [letter] = await queue.dead_letters(MODEL)
    assert (letter.job_id, letter.error, letter.attempts) == (claim.job_id, ERROR, 1)
    revived = await queue.revive(claim.job_id)
    assert (await queue.get(revived.job_id)).request == song()
    assert await queue.dead_letters(MODEL) == []
    with pytest.raises(JobNotFound):
        await queue.revive(claim.job_id)


async def test_a_hand_back_is_not_charged_and_keeps_its_place(queue):
    claim = await running(queue)
    await queue.enqueue(song(seed=8))
    assert await queue.hand_back(claim) is State.QUEUED
    [again] = await queue.claim([MODEL], "w2", 1)
    assert (again.job_id, again.attempt) == (claim.job_id, 1)


async def test_cancelling_a_queued_job_ends_it(queue):
    enqueued = await queue.enqueue(song())
    assert (await queue.cancel(enqueued.job_id)).state is State.CANCELLED
    assert await queue.claim([MODEL], "w1", 1) == []


async def test_cancelling_a_running_job_asks_its_worker(queue):
    claim = await running(queue)
    job = await queue.cancel(claim.job_id)
    assert (job.state, job.cancel_requested) == (State.RUNNING, True)
    assert await queue.renew([claim]) == {claim.job_id: Lease.CANCEL}
    assert (await queue.report(claim, {"fraction": 0.5})).stop
    assert await queue.confirm_cancel(claim) is State.CANCELLED


@pytest.mark.parametrize("how", ["finish", "fail", "hand_back", "crash"])
async def test_a_cancel_that_was_accepted_is_kept(queue, how):
    claim = await running(queue)
    await queue.cancel(claim.job_id)
    match how:
        case "finish":
            assert await queue.finish(claim, {}) is State.CANCELLED
        case "fail":
            assert await queue.fail(claim, ERROR, retry=True) is State.CANCELLED
        case "hand_back":
            assert await queue.hand_back(claim) is State.CANCELLED
        case "crash":
            await lapse(queue)
    job = await queue.get(claim.job_id)
    assert (job.state, job.result) == (State.CANCELLED, None)


async def test_cancelling_what_is_final_changes_nothing(queue):
    claim = await running(queue)
    await queue.finish(claim, {"ok": 1})
    before = await queue.get(claim.job_id)
    assert await queue.cancel(claim.job_id) == before


WAYS_OUT: dict[str, Callable[[Queue, Claim], Any]] = {
    "report": lambda queue, claim: queue.report(claim, {"fraction": 0.1}),
    "emit": lambda queue, claim: queue.emit(claim, "warning", {}),
    "finish": lambda queue, claim: queue.finish(claim, {}),
    "fail": lambda queue, claim: queue.fail(claim, ERROR, retry=False),
    "retry": lambda queue, claim: queue.fail(claim, ERROR, retry=True),
    "hand_back": lambda queue, claim: queue.hand_back(claim),
    "confirm_cancel": lambda queue, claim: queue.confirm_cancel(claim),
    "save_codes": lambda queue, claim: queue.save_codes(claim, {0: b"\x00\xff"}),
}


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("state", ["taken over", "queued", "deleted"])
async def test_a_stale_token_changes_nothing(queue, way, state):
    stale = await running(queue)
    await queue.hand_back(stale)
    if state == "taken over":
        await queue.claim([MODEL], "w2", 1)
    if state == "deleted":
        await queue.delete(stale.job_id)
    before = None if state == "deleted" else await queue.get(stale.job_id)
    with pytest.raises(LeaseLost):
        await WAYS_OUT[way](queue, stale)
    if before is not None:
        assert await queue.get(stale.job_id) == before
        kinds = [event.kind for event in (await queue._read(stale.job_id, "0", 0))]
        assert not {"completed", "warning", "progress"} & set(kinds)
    assert await queue.load_codes(stale.job_id) == {}
    assert await queue.renew([stale]) == {stale.job_id: Lease.LOST}


@pytest.mark.parametrize("way", ["finish", "fail", "confirm_cancel"])
async def test_ending_a_job_again_with_the_same_claim_gives_the_same_answer(queue, way):
    claim = await running(queue)
    first = await WAYS_OUT[way](queue, claim)
    before = await queue.get(claim.job_id)
    for again in ("finish", "fail", "confirm_cancel"):
        assert await WAYS_OUT[again](queue, claim) is first
    assert await queue.get(claim.job_id) == before
    for late in ("report", "emit", "hand_back", "save_codes"):
        with pytest.raises(LeaseLost):
            await WAYS_OUT[late](queue, claim)


async def test_the_scripts_refuse_every_move_that_is_not_in_the_table(queue, client):
    from muscgen.jobs.scripts import _constants, files

    names = (files("muscgen.jobs") / "lua" / "_names.lua").read_text()
    script = f"{_constants()}\n{names}\nreturn pcall(move, ARGV[1], ARGV[2]) and 1 or 0"
    enqueued = await queue.enqueue(song())
    keys = queue._keys(MODEL)
    hash_key = keys.job(enqueued.job_id)
    for start in State:
        for end in State:
            await client.hset(hash_key, "state", start.value)
            moved = await client.eval(script, 1, keys.queue, enqueued.job_id, end.value)
            assert bool(moved) is (end in LEGAL[start]), (start, end)
    await client.hset(hash_key, "state", "queued")


def test_final_states_are_those_without_a_way_out():
    assert {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED} == TERMINAL


async def test_a_deleted_job_is_not_found(queue):
    enqueued = await queue.enqueue(song())
    assert (await queue.delete(enqueued.job_id)).state is State.CANCELLED
    for look in (queue.get, queue.delete, queue.cancel):
        with pytest.raises(JobNotFound):
            await look(enqueued.job_id)
    assert (await queue.list()).jobs == []


async def test_deleting_a_running_job_takes_it_from_its_worker(queue):
    claim = await running(queue)
    assert (await queue.delete(claim.job_id)).worker == "w1"
    with pytest.raises(LeaseLost):
        await queue.finish(claim, {})


async def test_deleting_a_finished_job_gives_its_result_a_last_time(queue):
    claim = await running(queue)
    await queue.finish(claim, {"outputs": [3]})
    assert (await queue.delete(claim.job_id)).result == {"outputs": [3]}


@pytest.mark.parametrize("job_id", ["", "job_", "x" * 1000, "job_0123456789ab_1:q", "job_0123456789ab_01HZ"])
async def test_text_that_is_no_job_id_is_not_found(queue, job_id):
    with pytest.raises(JobNotFound):
        await queue.get(job_id)


async def test_a_job_whose_time_to_live_is_over_has_expired(queue, client):
    claim = await running(queue)
    await queue.finish(claim, {})
    base = queue._keys(MODEL).base
    assert 86_000 < await client.ttl(f"{base}job:{claim.job_id}") <= 86_400
    assert await client.ttl(f"{base}gone:{claim.job_id}") > 6 * 86_400
    await client.pexpire(f"{base}job:{claim.job_id}", 1)
    await client.zadd(f"{base}expiring", {claim.job_id: 1})
    await asyncio.sleep(0.02)
    with pytest.raises(JobExpired):
        await queue.get(claim.job_id)
    assert (await queue.list()).jobs == []
    await queue.sweep()
    assert await client.zcard(f"{base}jobs") == 0


async def test_codes_are_kept_for_the_next_worker_and_go_with_the_end(queue):
    claim = await running(queue)
    await queue.save_codes(claim, {0: b"\x00\xff"})
    await queue.save_codes(claim, {1: b"one"})
    await queue.hand_back(claim)
    assert await queue.load_codes(claim.job_id) == {0: b"\x00\xff", 1: b"one"}
    [again] = await queue.claim([MODEL], "w2", 1)
    await queue.finish(again, {})
    assert await queue.load_codes(claim.job_id) == {}
