"""The sound of a job on its way to whoever listens."""

from __future__ import annotations

import asyncio

import pytest
from queues import MODEL, lapse, song

from muscgen.errors import JobNotFound, LeaseLost
from muscgen.jobs import Sound, State, sound

RATE = 8_000


def piece(start, samples, *, take=0, last=False, channels=1):
    """Sample t is the number t, so that every byte knows its place."""
    pcm = b"".join(
        (t % 30_000).to_bytes(2, "little") for t in range(start, start + samples) for _ in range(channels)
    )
    return Sound(take, start, RATE, channels, pcm, last)


async def claimed(queue, **changes):
    enqueued = await queue.enqueue(song(**changes))
    [claim] = await queue.claim([MODEL], "w", 1)
    await queue.listen(enqueued.job_id, 0)
    return claim


async def heard(queue, job_id, output=0, **where):
    async with asyncio.timeout(60):
        return [one async for one in queue.sound(job_id, output, **where)]


async def test_only_what_is_listened_to_is_asked_for(queue):
    enqueued = await queue.enqueue(song(n=3))
    await queue.listen(enqueued.job_id, 2)
    [claim] = await queue.claim([MODEL], "w", 1)
    assert await queue.listened(claim) == {2}
    assert (await queue.report(claim, {})).sound == {2}
    await queue.listen(enqueued.job_id, 0)
    await queue.listen(enqueued.job_id, 2)
    assert await queue.listened(claim) == {0, 2}
    assert (await queue.report(claim, {})).sound == {0, 2}
    await queue.fail(claim, {"code": "x"}, retry=False)


async def test_nobody_listens_to_a_job_that_is_over_or_unknown(queue):
    claim = await claimed(queue)
    await queue.finish(claim, {})
    assert (await queue.listen(claim.job_id, 1)).state is State.SUCCEEDED
    assert await queue.listened(claim) == {0}
    with pytest.raises(JobNotFound):
        await queue.listen("job_c3069653158e_01AA", 0)


async def test_late_listeners_hear_it_from_the_start_or_from_where_they_like(queue):
    claim = await claimed(queue)
    for start in range(0, 4_000, 1_000):
        assert await queue.push_sound(claim, 0, piece(start, 1_000, channels=2)) == start + 1_000
    await queue.push_sound(claim, 0, piece(4_000, 0, last=True))
    pieces = await heard(queue, claim.job_id)
    assert b"".join(one.pcm for one in pieces) == piece(0, 4_000, channels=2).pcm
    assert [one.start for one in await heard(queue, claim.job_id, after=2_500)] == [2_000, 3_000, 4_000]
    await queue.finish(claim, {})


async def test_a_worker_that_makes_it_again_only_adds_what_is_missing(queue):
    claim = await claimed(queue)
    await queue.push_sound(claim, 0, piece(0, 1_500))
    await lapse(queue)
    [second] = await queue.claim([MODEL], "w2", 1)
    with pytest.raises(LeaseLost):
        await queue.push_sound(claim, 0, piece(1_500, 500))
    for start in (0, 1_000, 2_000):
        await queue.push_sound(second, 0, piece(start, 1_000))
    assert await queue.push_sound(second, 0, piece(5_000, 10)) == 3_000  # a gap
    await queue.push_sound(second, 0, piece(3_000, 0, last=True))
    await queue.push_sound(second, 0, piece(3_000, 1_000))  # after the end
    pieces = await heard(queue, claim.job_id)
    assert b"".join(one.pcm for one in pieces) == piece(0, 3_000).pcm
    assert [one.last for one in pieces] == [False, False, False, True]
    await queue.finish(second, {})


async def test_a_song_that_is_made_anew_takes_the_place_of_the_first(queue):
    claim = await claimed(queue)
    await queue.push_sound(claim, 0, piece(0, 3_000))
    assert await queue.push_sound(claim, 0, piece(1_000, 500, take=1)) == 0
    await queue.push_sound(claim, 0, piece(0, 500, take=1))
    await queue.push_sound(claim, 0, piece(500, 0, take=1, last=True))
    assert [(one.take, one.start) for one in await heard(queue, claim.job_id)] == [(1, 0), (1, 500)]
    await queue.finish(claim, {})


async def test_sound_comes_as_it_is_made_and_ends_without_a_last_piece_when_the_job_fails(queue):
    claim = await claimed(queue)
    listening = asyncio.create_task(heard(queue, claim.job_id))
    await asyncio.sleep(0.05)
    await queue.push_sound(claim, 0, piece(0, 100))
    await asyncio.sleep(0.05)
    assert not listening.done()
    await queue.fail(claim, {"code": "bad_song"}, retry=False)
    assert [one.last for one in await listening] == [False]


async def test_the_sound_goes_minutes_after_the_job_and_at_once_with_a_deleted_one(queue, client):
    claim = await claimed(queue)
    await queue.push_sound(claim, 0, piece(0, 100))
    await queue.finish(claim, {})
    key = queue._keys_of(claim.job_id).sound(claim.job_id, 0)
    assert 200 < await client.ttl(key) <= 300
    await queue.delete(claim.job_id)
    assert not await client.exists(key)


async def test_there_is_a_limit_to_what_is_kept(queue, monkeypatch):
    monkeypatch.setattr(sound, "MAX_SOUND_BYTES", 2_000)
    claim = await claimed(queue)
    assert await queue.push_sound(claim, 0, piece(0, 1_000)) == 1_000
    assert await queue.push_sound(claim, 0, piece(1_000, 1)) is None
    await queue.finish(claim, {})
