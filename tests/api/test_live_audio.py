"""Songs that are heard while they are made."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import numpy as np
import pytest

from muscgen.audio import Audio
from muscgen.finishing.encode import decode, encode
from muscgen.finishing.live import pcm16
from muscgen.jobs import Sound, State

from .conftest import assert_problem
from .test_over_the_wire import serving

RATE = 32_000
PIECE = RATE // 2


def song_of(seconds: float = 4.0) -> Audio:
    t = np.arange(round(seconds * RATE)) / RATE
    return Audio((0.5 * np.sin(2 * np.pi * (200 + 50 * t) * t)).astype(np.float32)[None], RATE)


SONG = song_of()
PCM = np.frombuffer(pcm16(SONG), "<i2")


def piece(number: int, *, take: int = 0) -> Sound:
    return Sound(take, number * PIECE, RATE, 1, PCM[number * PIECE : (number + 1) * PIECE].tobytes())


class Player:
    """The worker's part, piece by piece."""

    def __init__(self, service, claim):
        self.queue, self.service, self.claim = service.queue, service, claim

    async def listened(self, output=0):
        async with asyncio.timeout(60):
            while output not in await self.queue.listened(self.claim):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def push(self, *numbers, output=0, take=0):
        for number in numbers:
            await self.queue.push_sound(self.claim, output, piece(number, take=take))

    async def end(self, output=0, take=0):
        await self.queue.push_sound(self.claim, output, Sound(take, len(PCM), RATE, 1, b"", last=True))

    async def finish(self):
        return await self.service.finish(self.claim, encode(SONG, "wav"))


async def begun(service, **fields):
    job = await service.job(**fields)
    return job, Player(service, await service.claim())


async def played(service, **headers):
    """Over the wire: a live song, begun when somebody listens, and the answer to it."""
    job, player = await begun(service)
    async with serving(service.app) as (http, _):
        asking = asyncio.create_task(http.get(job["urls"]["audio"], headers=headers))
        await player.listened()
        await player.push(*range(8))
        await player.end()
        answer = await asking
    await player.finish()
    return answer


def samples_of(content: bytes) -> np.ndarray:
    return np.rint(decode(content).samples[0] * 32768).astype(np.int16)


async def test_a_song_is_heard_while_it_is_made(service):
    job, player = await begun(service)
    async with serving(service.app) as (http, _):
        asking = http.stream("GET", job["urls"]["audio"], headers={"Accept": "audio/wav"})
        opening = asyncio.create_task(asking.__aenter__())
        await player.listened()
        await player.push(0)
        answer = await opening
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
        assert answer.headers["accept-ranges"] == "none"
        assert "content-length" not in answer.headers
        heard = b""
        coming = answer.aiter_bytes()
        for number in range(1, 8):
            while len(heard) < 44 + number * 2 * PIECE:
                heard += await anext(coming)  # the next is pushed only when this one is here
            await player.push(number)
        await player.end()
        async for part in coming:
            heard += part
        await asking.__aexit__(None, None, None)
    assert np.array_equal(samples_of(heard), PCM)
    await player.finish()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("audio/flac", "audio/flac"), ("audio/mpeg", "audio/mpeg"), ("audio/ogg", "audio/ogg")],
)
async def test_every_format_is_made_on_the_way(service, accept, kind):
    answer = await played(service, Accept=accept)
    assert answer.headers["content-type"] == kind
    assert decode(answer.content).duration_s == pytest.approx(4.0, abs=0.15)


async def test_any_replica_tells_late_joiners_all_of_it(service, make_service):
    job, player = await begun(service)
    await service.queue.listen(job["id"], 0)
    await player.push(*range(5))
    other = make_service()
    other.app.state.house = service.app.state.house
    url = f"{job['urls']['audio']}?format=wav"
    async with serving(service.app) as (one, _), serving(other.app) as (two, _):
        asking = [asyncio.create_task(http.get(url)) for http in (one, two)]
        await player.push(5, 6, 7)
        await player.end()
        answers = await asyncio.gather(*asking)
    assert all(np.array_equal(samples_of(answer.content), PCM) for answer in answers)
    await player.finish()


async def test_a_broken_connection_goes_on_where_it_was(service):
    job, player = await begun(service)
    await service.queue.listen(job["id"], 0)
    await player.push(*range(8))
    await player.end()
    answer = await service.http.get(f"{job['urls']['audio']}?format=wav&from=1.7")
    assert np.array_equal(samples_of(answer.content), PCM[round(1.7 * RATE) :])
    await player.finish()
    late = await service.http.get(f"{job['urls']['audio']}?from=1.7")
    assert np.abs(samples_of(late.content).astype(int) - PCM[round(1.7 * RATE) :]).max() <= 3  # dither


async def test_each_output_has_a_sound_of_its_own(service):
    job, player = await begun(service, n=2)
    await service.queue.listen(job["id"], 1)
    await player.push(*range(8), output=1)
    await player.end(output=1)
    answer = await service.http.get(f"{job['urls']['audio']}?output=1")
    assert np.array_equal(samples_of(answer.content), PCM)
    assert await service.queue.listened(player.claim) == {1}
    beyond = await service.http.get(f"{job['urls']['audio']}?output=2")
    assert_problem(beyond, 422, "invalid_request", "output")
    await player.finish()


async def test_posting_with_an_audio_accept_answers_with_the_song(service):
    async with serving(service.app) as (http, _):
        asking = asyncio.create_task(
            http.post(
                "/generate", json={"prompt": "a", "duration": 4}, headers={"Accept": "audio/flac, */*;q=0.1"}
            )
        )
        player = Player(service, await service.claim())
        await player.listened()
        await player.push(*range(8))
        await player.end()
        answer = await asking
    assert answer.status_code == 200
    assert answer.headers["location"] == f"/jobs/{player.claim.job_id}"
    assert np.array_equal(samples_of(answer.content), PCM)
    await player.finish()


async def test_a_finished_song_is_its_file_with_ranges(service):
    job, player = await begun(service)
    await player.finish()
    whole = await service.http.get(job["urls"]["audio"])
    assert whole.content == encode(SONG, "wav")
    assert whole.headers["content-length"] == str(len(whole.content))
    assert whole.headers["accept-ranges"] == "bytes"
    part = await service.http.get(job["urls"]["audio"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, whole.content[4:8])
    tag = {"If-None-Match": whole.headers["etag"]}
    assert (await service.http.get(job["urls"]["audio"], headers=tag)).status_code == 304
    document = (await service.http.get(job["urls"]["self"])).json()
    assert document["outputs"][0]["stream_url"] == job["urls"]["audio"]


@pytest.mark.parametrize("encoding", ["flac", "mp3", "ogg", "opus"])
async def test_a_finished_song_comes_in_other_formats_too(service, encoding):
    job, player = await begun(service)
    await player.finish()
    answer = await service.http.get(f"{job['urls']['audio']}?format={encoding}")
    assert answer.status_code == 200
    assert decode(answer.content).duration_s == pytest.approx(4.0, abs=0.15)
    assert "content-length" not in answer.headers


async def test_head_says_what_would_come_and_waits_for_nothing(service):
    job, player = await begun(service)
    head = await service.http.head(job["urls"]["audio"], headers={"Accept": "audio/mpeg"})
    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["content-type"], head.headers["accept-ranges"]) == ("audio/mpeg", "none")
    assert await service.queue.listened(player.claim) == frozenset()
    await player.finish()
    head = await service.http.head(job["urls"]["audio"])
    assert (head.headers["accept-ranges"], head.content) == ("bytes", b"")


@pytest.mark.parametrize("how", ["fails", "is cancelled", "is made anew"])
async def test_a_song_that_ends_before_its_time_breaks_the_connection(service, how):
    job, player = await begun(service)
    async with serving(service.app) as (http, _):
        hearing = asyncio.Event()

        async def hear():
            async with http.stream("GET", job["urls"]["audio"]) as answer:
                async for _ in answer.aiter_bytes():
                    hearing.set()

        asking = asyncio.create_task(hear())
        await player.listened()
        await player.push(0, 1)
        await hearing.wait()
        if how == "fails":
            await service.queue.fail(player.claim, {"code": "bad_song", "detail": "silent"}, retry=False)
        elif how == "is cancelled":
            await service.queue.cancel(job["id"])
            await service.queue.confirm_cancel(player.claim)
        else:
            await player.push(0, take=1)
        with pytest.raises(httpx.RemoteProtocolError):
            await asking
        if how == "is made anew":
            await player.push(*range(1, 8), take=1)
            await player.end(take=1)
            again = await http.get(job["urls"]["audio"])
            assert np.array_equal(samples_of(again.content), PCM)
            await player.finish()


async def test_a_job_without_a_song_answers_with_its_problem(service):
    job, player = await begun(service)
    asking = asyncio.create_task(service.http.get(job["urls"]["audio"]))
    await player.listened()
    error = {"code": "bad_song", "detail": "silent", "param": None, "suggestion": None, "retryable": True}
    await service.queue.fail(player.claim, error, retry=False)
    assert_problem(await asking, 500, "bad_song")
    cancelled = await service.job()
    await service.queue.cancel(cancelled["id"])
    assert_problem(await service.http.get(cancelled["urls"]["audio"]), 409, "cancelled")


async def test_what_cannot_be_heard_is_refused(service):
    job = await service.job()
    url = job["urls"]["audio"]
    assert_problem(await service.http.get(f"{url}?format=aac"), 406, "not_acceptable", "format")
    aac = await service.http.get(url, headers={"Accept": "audio/aac"})
    assert_problem(aac, 406, "not_acceptable", "Accept")
    assert_problem(await service.http.get(f"{url}?from=4"), 422, "invalid_request", "from")
    assert_problem(await service.http.get(f"{url}?from=nan"), 422, "invalid_request", "from")
    assert_problem(await service.http.get(f"{url}?fro=4"), 422, "invalid_request", "fro")
    unknown = await service.http.get("/jobs/job_c3069653158e_01AA/audio")
    assert_problem(unknown, 404, "job_not_found")


async def test_events_say_where_the_first_sound_is(service):
    job, player = await begun(service)
    await service.queue.emit(player.claim, "audio", {"output": 0, "time_to_first_audio": 0.5})
    await player.finish()
    events = await service.http.get(job["urls"]["events"])
    assert f'"url":"{job["urls"]["audio"]}"' in events.text


WAYS = {
    "waits": {"Prefer": "wait=30"},
    "follows": {"Accept": "text/event-stream"},
    "plays": {"Accept": "audio/wav"},
    "waits for sound": {"Accept": "audio/mpeg"},
}


async def broken_off(service, way, *, bound):
    """Post, break the connection while the job runs; the claim of the job."""
    async with serving(service.app) as (http, _):
        body = {"prompt": "a", "delivery": {"cancel_on_disconnect": bound}}

        async def ask():
            async with http.stream("POST", "/generate", json=body, headers=WAYS[way]) as answer:
                async for _ in answer.aiter_bytes():
                    pass

        asking = asyncio.create_task(ask())
        player = Player(service, await service.claim())
        if way == "plays":
            await player.listened()
            await player.push(0, 1)
        await asyncio.sleep(0.2)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(60):
            job_id = player.claim.job_id
            while bound and not (await service.queue.get(job_id)).cancel_requested:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    return player.claim


@pytest.mark.parametrize("way", WAYS)
async def test_a_bound_job_is_cancelled_when_the_connection_breaks(service, way):
    claim = await broken_off(service, way, bound=True)
    assert await service.queue.confirm_cancel(claim) is State.CANCELLED


@pytest.mark.parametrize("way", WAYS)
async def test_other_jobs_go_on_without_their_client(service, way):
    claim = await broken_off(service, way, bound=False)
    assert not (await service.queue.get(claim.job_id)).cancel_requested
    await service.finish(claim)


async def test_a_bound_job_needs_a_connection_and_a_clean_end_does_not_cancel_it(service):
    bound = {"delivery": {"cancel_on_disconnect": True}}
    assert_problem(await service.post(**bound), 422, "invalid_request", "delivery.cancel_on_disconnect")
    async with serving(service.app) as (http, _):
        body = {"prompt": "a", **bound}
        waited = await http.post("/generate", json=body, headers={"Prefer": "wait=1"})
        assert waited.status_code == 202
        # Somebody else's connection, or another of one's own, holds nothing.
        with contextlib.suppress(httpx.ReadTimeout):
            await http.get(waited.json()["urls"]["events"], timeout=0.2)
        await asyncio.sleep(0.1)
    job = await service.queue.get(waited.json()["id"])
    assert (job.state, job.cancel_requested) == (State.QUEUED, False)
