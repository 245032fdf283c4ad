"""What is told, to whom, in what order, and until when."""

from __future__ import annotations

import asyncio
import time

import pytest
from queues import MODEL, song

from muscgen.errors import InvalidRequest, JobNotFinished, JobNotFound
from muscgen.jobs import Outcome, new_job_id
from muscgen.webhooks import dispatcher

from .receiver import SECRETS, receiving


async def test_the_end_is_told_signed_with_the_job_as_the_api_shows_it(room):
    job_id = await room.ask()
    async with room.telling():
        await room.make()
        [heard] = await room.receiver.until(1)
        await room.empty()
    told = heard.verified()
    job = await room.queue.get(job_id)
    assert told["type"] == "job.completed"
    assert told["data"] == room.view(job)
    assert told["data"]["status"] == "succeeded"
    assert told["timestamp"].endswith("Z")
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["user-agent"].startswith("muscgen/")
    assert abs(int(heard.headers["webhook-timestamp"]) - time.time()) < 5


async def test_a_job_without_a_webhook_leaves_nothing_to_tell(room, client):
    await room.queue.enqueue(song())
    await room.make()
    assert await room.queue.take_calls(1.0, 10) == []
    assert [name async for name in client.scan_iter(f"{room.queue.prefix}:*hook*")] == []


async def test_what_happens_is_told_in_order(room):
    await room.ask("started", "progress", "completed")
    async with room.telling():
        [claim] = await room.queue.claim([MODEL], "w1", 1)
        await room.receiver.until(1)
        await room.queue.report(claim, {"fraction": 0.5})
        await room.receiver.until(2)
        await room.queue.finish(claim, {})
        await room.receiver.until(3)
        await room.empty()
    assert room.receiver.kinds == ["job.started", "job.progress", "job.completed"]
    started, progress, completed = (heard.verified() for heard in room.receiver.heard)
    assert progress["data"]["progress"]["fraction"] == 0.5
    assert started["timestamp"] <= progress["timestamp"] <= completed["timestamp"]
    assert len({heard.id for heard in room.receiver.heard}) == 3


async def test_only_what_is_wanted_is_told(room):
    await room.ask("started")
    async with room.telling():
        [claim] = await room.queue.claim([MODEL], "w1", 1)
        await room.queue.report(claim, {"fraction": 0.5})
        await room.queue.finish(claim, {})
        await room.receiver.until(1)
        await room.empty()
    assert room.receiver.kinds == ["job.started"]


async def test_progress_is_told_at_most_twice_a_second_and_then_the_latest(room):
    await room.ask("progress")
    began = time.monotonic()
    async with room.telling():
        [claim] = await room.queue.claim([MODEL], "w1", 1)
        for step in range(1, 41):
            await room.queue.report(claim, {"fraction": step / 40})
            await asyncio.sleep(0.03)
        await room.receiver.until(3)
        await room.empty()
        heard = list(room.receiver.heard)
        took_s = time.monotonic() - began
        await room.queue.finish(claim, {})
    assert 3 <= len(heard) <= 2 * took_s + 1
    assert heard[-1].told["data"]["progress"]["fraction"] == 1.0


async def test_the_end_does_not_wait_for_progress(room):
    await room.ask("progress", "completed")
    async with room.telling():
        [claim] = await room.queue.claim([MODEL], "w1", 1)
        await room.queue.report(claim, {"fraction": 0.1})
        await room.receiver.until(1)
        began = time.monotonic()
        await room.queue.report(claim, {"fraction": 0.2})
        await room.queue.finish(claim, {})
        took_s = time.monotonic() - began
        await room.receiver.until(2)
        await room.empty()
    # Half a second after the first, the second progress would have been due before the end.
    assert room.receiver.kinds == ["job.progress", "job.completed"] or took_s > 0.3


async def test_a_failed_call_is_made_again_under_the_same_id(room):
    room.receiver.answers = [500, 503, 404]
    await room.ask()
    async with room.telling():
        await room.make()
        heard = await room.receiver.until(4)
        await room.empty()
    assert len({one.id for one in heard}) == 1
    assert len({one.body for one in heard}) == 1
    for one in heard:
        one.verified()


async def test_the_end_is_told_although_the_beginning_is_never_heard(room):
    room.receiver.answers = [500]
    await room.ask("started", "completed")
    async with room.telling(pauses_s=(60.0,)):
        [claim] = await room.queue.claim([MODEL], "w1", 1)
        await room.receiver.until(1)
        await asyncio.sleep(0.1)
        await room.queue.finish(claim, {})
        await room.receiver.until(2)
        await room.empty()
    assert room.receiver.kinds == ["job.started", "job.completed"]


async def test_410_is_the_end_of_all_calls_for_the_job(room):
    room.receiver.answers = [410]
    job_id = await room.ask("started", "completed")
    async with room.telling():
        [claim] = await room.queue.claim([MODEL], "w1", 1)
        await room.receiver.until(1)
        await room.empty()
        await room.queue.finish(claim, {})
        await asyncio.sleep(0.1)
    assert room.receiver.kinds == ["job.started"]
    assert await room.queue.dead_calls() == []
    with pytest.raises(InvalidRequest):
        await room.queue.resend_call(job_id)


async def test_what_cannot_be_told_is_kept_with_its_reason_and_resent_on_demand(room):
    room.receiver.always = 500
    job_id = await room.ask()
    async with room.telling(pauses_s=(0.01, 0.02)):
        await room.make()
        await room.receiver.until(3)
        await room.empty()
        [dead] = await room.queue.dead_calls()
        assert (dead.job_id, dead.reason, dead.tries) == (job_id, "status 500", 3)
        room.receiver.always = None
        await room.queue.resend_call(job_id)
        heard = await room.receiver.until(4)
        await room.empty()
    assert len({one.id for one in heard}) == 1
    assert await room.queue.dead_calls() == []


async def test_what_was_heard_can_be_told_again(room):
    job_id = await room.ask()
    async with room.telling():
        with pytest.raises(JobNotFinished):
            await room.queue.resend_call(job_id)
        await room.make()
        await room.receiver.until(1)
        await room.empty()
        await room.queue.resend_call(job_id)
        first, second = await room.receiver.until(2)
        await room.empty()
    assert first.id == second.id
    with pytest.raises(JobNotFound):
        await room.queue.resend_call(new_job_id(MODEL))


async def test_the_end_is_told_although_the_job_has_expired_meanwhile(room, client):
    job_id = await room.ask()
    await room.make()
    await client.delete(room.queue._keys(MODEL).job(job_id), room.queue._keys(MODEL).events(job_id))
    async with room.telling():
        [heard] = await room.receiver.until(1)
        await room.empty()
    assert heard.verified()["data"]["status"] == "succeeded"


async def test_a_job_that_is_deleted_is_told_as_cancelled(room):
    job_id = await room.ask()
    await room.queue.delete(job_id)
    async with room.telling():
        [heard] = await room.receiver.until(1)
        await room.empty()
    assert heard.told["data"]["status"] == "cancelled"


async def test_deleting_a_job_that_has_ended_takes_back_what_is_not_told_yet(room):
    job_id = await room.ask()
    await room.make()
    await room.queue.delete(job_id)
    assert await room.queue.take_calls(1.0, 10) == []


async def test_many_dispatchers_tell_each_end_once(room):
    for seed in range(30):
        await room.ask(seed=seed)
    async with room.telling(), room.telling(), room.telling():
        for _ in range(30):
            await room.make()
        await room.receiver.until(30)
        await room.empty()
    assert len({heard.id for heard in room.receiver.heard}) == len(room.receiver.heard) == 30


async def test_a_tenants_calls_are_signed_with_its_own_secret(room):
    await room.ask(tenant="ann")
    async with room.telling():
        await room.make()
        [heard] = await room.receiver.until(1)
        await room.empty()
    [word] = SECRETS.of("ann").words
    assert heard.verified(word)["type"] == "job.completed"


async def test_jobs_that_share_their_making_are_each_told(room):
    leader = await room.ask(work="w")
    fan = await room.ask("started", "completed", work="w")
    async with room.telling():
        await room.make()
        await room.receiver.until(3)
        await room.empty()
    told = {(heard.told["data"]["id"], heard.told["type"]) for heard in room.receiver.heard}
    assert told == {(leader, "job.completed"), (fan, "job.started"), (fan, "job.completed")}


async def test_whoever_holds_a_message_too_long_changes_nothing(room):
    await room.ask()
    await room.make()
    [late] = await room.queue.take_calls(60.0, 10)
    assert await room.queue.take_calls(60.0, 10) == []
    hooks = room.queue._keys(MODEL).base + "hooks"
    for message in await room.queue.redis.zrange(hooks, 0, -1):
        await room.queue.redis.zadd(hooks, {message: 1})  # its time was over long ago
    [holder] = await room.queue.take_calls(60.0, 10)
    assert holder.message_id == late.message_id
    assert not await room.queue.settle_call(late, Outcome.GONE)
    assert await room.queue.settle_call(holder, Outcome.TOLD)
    assert await room.queue.take_calls(60.0, 10) == []


async def test_a_slow_receiver_holds_up_nobody_else(room, monkeypatch):
    monkeypatch.setattr(dispatcher, "AT_ONCE_A_HOST", 4)
    monkeypatch.setattr(dispatcher, "AT_ONCE", 8)

    over = asyncio.Event()

    async def slow(_, writer):
        await over.wait()

    room.receiver.always = slow
    async with receiving() as quick, room.telling():
        for seed in range(24):
            await room.ask(seed=seed)
            await room.make()
        await room.ask(url=quick.url)
        await room.make()
        await quick.until(1)  # although none of the others has ended
        assert len(room.receiver.heard) <= 4
        over.set()
