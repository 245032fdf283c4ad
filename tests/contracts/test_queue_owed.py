"""Lines of an audit log that are owed: none is lost, and nobody writes one that another is about to write."""

from __future__ import annotations

from queues import MODEL, song


async def hit(queue, log="log a"):
    """A job that was given a kept song, and whose line is owed to the log."""
    await queue.enqueue(song(), work="w")
    (claim,) = await queue.claim([MODEL], "w1", 1)
    await queue.finish(claim, {"outputs": []}, size_bytes=1)
    return (await queue.enqueue(song(), work="w", tenant="acme", log=log, revision="r1")).job


async def owed(queue, log="log a", **times):
    return {line.job.id: line for line in await queue.take_owed(log, **times)}


async def test_a_shared_song_is_owed_a_line_until_it_is_settled(queue):
    job = await hit(queue)
    (line,) = (await owed(queue, late_s=0)).values()
    assert (line.job.id, line.job.cache, line.job.tenant, line.revision) == (job.id, "hit", "acme", "r1")
    assert (line.job.leader, line.job.result) == (job.leader, {"outputs": []})
    await queue.settle_owed(job.id)
    assert not await owed(queue, late_s=0)


async def test_it_is_left_alone_for_a_while_by_all_but_the_one_who_took_it(queue):
    job = await hit(queue)
    assert not await owed(queue)
    assert await owed(queue, late_s=0)
    assert not await owed(queue)
    await queue.settle_owed(job.id)


async def test_another_log_takes_it_only_once_nobody_writes_to_its_own(queue):
    job = await hit(queue)
    assert not await owed(queue, "log b", late_s=0)
    assert await owed(queue, "log b", late_s=0, given_up_s=0)
    await queue.settle_owed(job.id)


async def test_it_outlives_the_job_and_who_waits_for_a_song_owes_one_too(queue):
    leader = await queue.enqueue(song(), work="w", log="log a", revision="r1")
    fan = await queue.enqueue(song(), work="w", log="log a", revision="r1")
    await queue.delete(fan.job_id)
    await queue.delete(leader.job_id)
    (line,) = (await owed(queue, late_s=0)).values()
    assert (line.job.id, line.job.cache, line.job.leader) == (fan.job_id, "coalesced", leader.job_id)
    await queue.settle_owed(fan.job_id)


async def test_nothing_is_owed_for_what_a_worker_makes_or_where_there_is_no_log(queue):
    await queue.enqueue(song(), work="other", log="log a", revision="r1")
    await hit(queue, log="")
    assert not await owed(queue, late_s=0)
