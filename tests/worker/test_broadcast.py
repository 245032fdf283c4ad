"""What listeners are sent while a worker makes a song."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from bench import SHAPE, idle
from test_torn_songs import Fugue
from test_worker import bad_for

from muscgen.audio import Audio, join
from muscgen.engine import Engine, Song
from muscgen.finishing.live import pcm16
from muscgen.jobs import State
from muscgen.worker import broadcast, run, songs
from muscgen.worker.broadcast import Broadcast, Tape


@pytest.fixture(autouse=True)
def fugue(bench, monkeypatch):
    monkeypatch.setattr(songs, "SAVE_INTERVAL_S", 0.05)
    bench.organ = Fugue(rows=8)


async def heard(bench, job_id, output=0):
    """All that a listener is sent: the sound of each take, and whether its end was told."""
    takes: dict[int, bytes] = {}
    ended = False
    await bench.queue.listen(job_id, output)
    async with asyncio.timeout(60):
        async for piece in bench.queue.sound(job_id, output):
            before = takes.setdefault(piece.take, b"")
            assert len(before) == 2 * piece.start * piece.channels
            takes[piece.take] += piece.pcm
            ended = piece.last
    return takes, ended


def sound_of(bench, request, output=0, attempt=0):
    """What the engine makes of it, alone."""
    engine = Engine(Fugue(rows=8), slots=4, chunk_s=0.1)
    made = engine.submit(Song.of(request, output, attempt)).result(60)
    engine.close()
    return pcm16(made.audio)


async def test_a_listener_hears_the_song_while_it_is_made_and_its_end(bench):
    bench.organ.step_s = 0.01
    job_id = await bench.ask()
    listening = asyncio.create_task(heard(bench, job_id))
    async with bench.worker():
        job = await bench.ended(job_id)
        assert job.state is State.SUCCEEDED
    takes, ended = await listening
    assert takes == {0: sound_of(bench, job.request)}
    assert ended


async def test_who_comes_late_hears_it_from_the_start(bench):
    bench.organ.step_s = 0.01
    job_id = await bench.ask(n=2)
    async with bench.worker():
        await bench.until(job_id, State.RUNNING)
        await asyncio.sleep(0.3)
        takes, ended = await heard(bench, job_id, 1)
        job = await bench.ended(job_id)
    assert (takes, ended) == ({0: sound_of(bench, job.request, 1)}, True)


async def test_word_of_a_listener_comes_with_the_answer_to_a_report(bench, monkeypatch):
    monkeypatch.setattr(broadcast, "ASK_S", 3600.0)  # nobody asks after the first time
    bench.organ.crawl_after(25)
    job_id = await bench.ask()
    async with bench.worker(), asyncio.timeout(60):
        while not await bench.queue.load_codes(job_id):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await bench.queue.listen(job_id, 0)
        while not await bench.client.exists(bench.queue._keys_of(job_id).sound(job_id, 0)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        bench.organ.hurry()
        job = await bench.ended(job_id)
    assert await heard(bench, job_id) == ({0: sound_of(bench, job.request)}, True)


async def test_nothing_is_sent_when_nobody_listens(bench):
    job_id = await bench.ask(n=2)
    async with bench.worker():
        await bench.ended(job_id)
    assert not [key async for key in bench.client.scan_iter(f"{bench.prefix}:*snd:*")]


async def test_a_listener_does_not_notice_that_another_worker_took_over(bench):
    bench.organ.crawl_after(25)
    job_id = await bench.ask()
    listening = asyncio.create_task(heard(bench, job_id))
    async with bench.worker("first") as worker:
        async with asyncio.timeout(60):
            while not await bench.queue.load_codes(job_id):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        worker.drain()
        await bench.lose(job_id)
        await idle(worker)
    bench.organ.hurry()
    async with bench.worker("second"):
        job = await bench.ended(job_id)
    assert (await listening) == ({0: sound_of(bench, job.request)}, True)


async def test_a_song_that_is_thrown_away_has_no_end_and_the_next_has_another_take(bench, monkeypatch):
    monkeypatch.setattr(run, "finish", bad_for(1))
    bench.organ.step_s = 0.01
    job_id = await bench.ask()
    listening = asyncio.create_task(heard(bench, job_id))
    async with bench.worker():
        job = await bench.ended(job_id)
    takes, ended = await listening
    assert takes[1] == sound_of(bench, job.request, attempt=1)
    assert sound_of(bench, job.request).startswith(takes[0])
    assert ended


async def test_a_failed_song_has_no_end(bench, monkeypatch):
    monkeypatch.setattr(run, "finish", bad_for(2))
    job_id = await bench.ask()
    listening = asyncio.create_task(heard(bench, job_id))
    async with bench.worker():
        assert (await bench.ended(job_id)).state is State.FAILED
    assert not (await listening)[1]


async def test_the_first_sound_is_told_once_an_output(bench):
    bench.organ.step_s = 0.005
    job_id = await bench.ask(n=2)
    async with bench.worker():
        job = await bench.ended(job_id)
    told = [event.payload async for event in bench.queue.events(job_id) if event.kind == "audio"]
    assert sorted(event["output"] for event in told) == [0, 1]
    first = min(event["time_to_first_audio"] for event in told)
    assert first == pytest.approx(job.result["usage"]["time_to_first_audio"], abs=1e-3)


class Late:
    """A treatment that turns the sound over, and holds some of it back until the end."""

    def __init__(self):
        self.kept = np.zeros((1, 0), np.float32)

    def __call__(self, chunk, last):
        sound = np.concatenate([self.kept, -chunk.samples], axis=1)
        cut = sound.shape[1] if last else max(0, sound.shape[1] - 300)
        self.kept = sound[:, cut:]
        return Audio(sound[:, :cut], chunk.sample_rate)


async def claimed(bench):
    job_id = await bench.ask()
    [claim] = await bench.queue.claim([bench.card.id], "w", 1)
    await bench.queue.listen(job_id, 0)
    return claim


async def aired(bench, claim, treatment, before_the_end=None):
    """The sound of a whole song through a Broadcast of its own."""

    async def tell(output, after_s):
        assert (output, after_s > 0) == (0, True)

    engine = Engine(Fugue(rows=8), slots=4, chunk_s=0.1)
    one = Broadcast(claim, bench.queue, tell, treatment)
    handle = engine.submit(Song.of(claim.request, 0))
    one.record(0, 0, handle)
    running = asyncio.create_task(one.run())
    made = await asyncio.to_thread(handle.result, 60)
    if before_the_end is not None:
        await before_the_end()
    await one.accept(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    engine.close()
    takes, ended = await heard(bench, claim.job_id)
    assert ended
    await bench.queue.finish(claim, {})
    return takes[0], made


async def test_a_treatment_sees_all_the_sound_and_its_end(bench):
    sent, made = await aired(bench, await claimed(bench), lambda _: Late())
    assert sent == pcm16(Audio(-made.audio.samples, made.audio.sample_rate))


async def test_what_the_server_forgot_is_sent_again(bench):
    claim = await claimed(bench)
    keys = bench.queue._keys_of(claim.job_id)

    async def forget():
        async with asyncio.timeout(60):
            while not await bench.client.exists(keys.sound(claim.job_id, 0)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await bench.client.delete(keys.sound(claim.job_id, 0))
        await bench.client.hdel(keys.job(claim.job_id), "sound:0")

    sent, made = await aired(bench, claim, broadcast.untreated, forget)
    assert sent == pcm16(made.audio)


class Handle:
    first_audio_at_s = None

    def __init__(self, *chunks):
        self._chunks = list(chunks)

    def sound(self):
        return self._chunks


def test_long_sound_leaves_in_pieces_that_any_reader_can_hold():
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 5 * SHAPE.sample_rate)).astype(np.float32)
    chunks = [Audio(noise[:, :100], SHAPE.sample_rate), Audio(noise[:, 100:], SHAPE.sample_rate)]
    tape = Tape(0, Handle(*chunks), broadcast.untreated(0))
    tape.accepted = True
    tape.wind()
    tape.wind()
    assert b"".join(sound.pcm for sound in tape.waiting) == pcm16(join(chunks))
    assert max(len(sound.pcm) for sound in tape.waiting) <= 2 * broadcast.PIECE_S * SHAPE.sample_rate
    assert [sound.last for sound in tape.waiting] == [False] * (len(tape.waiting) - 1) + [True]
