"""A worker against the real queue, engine, finishing and store."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time

import pytest
from bench import idle

from muscgen.errors import BadSong
from muscgen.finishing.pipeline import finish
from muscgen.jobs import State
from muscgen.worker import run


def bad_for(times):
    """finish, but so many songs are bad first."""
    calls = itertools.count()

    def judged(audio, output, *marks):
        if next(calls) < times:
            raise BadSong("silent: for the test", reason="silent")
        return finish(audio, output, *marks)

    return judged


async def test_a_job_becomes_a_file_whose_digest_it_names(bench):
    job_id = await bench.ask(n=2)
    async with bench.worker():
        job = await bench.ended(job_id)
    assert job.state is State.SUCCEEDED
    assert [output["seed"] for output in job.result["outputs"]] == [7, 8]
    for output in job.result["outputs"]:
        artifact = output["artifact"]
        with bench.store.open(artifact["id"]) as file:
            content = file.read()
        assert hashlib.sha256(content).hexdigest() == artifact["sha256"]
        assert artifact["duration"] == 1.0
        assert bench.store.owners(artifact["id"]) == {job_id}
    assert job.result["model"]["license"] == bench.card.license
    usage = job.result["usage"]
    assert usage["audio_seconds"] == 2.0
    assert usage["real_time_factor"] > 0
    assert usage["time_to_first_audio"] > 0


async def test_a_long_song_counts_the_steps_of_all_its_windows(bench):
    sections = [{"prompt": "organ", "duration": 1.5}, {"prompt": "flute", "duration": 1.5}]
    job_id = await bench.ask(
        prompt=None, sections=tuple(sections), duration=3.0, long_form={"window": 1.0, "stride": 0.6}
    )
    async with bench.worker():
        job = await bench.ended(job_id)
    assert job.state is State.SUCCEEDED
    assert job.result["outputs"][0]["artifact"]["duration"] == 3.0
    assert job.result["usage"]["steps"] == 4 * (50 + 1) + 30 + 1 == job.progress["steps_total"]


async def test_an_output_is_the_song_of_its_own_seed(bench):
    pair, single = await bench.ask(n=2), await bench.ask(seed=8)
    async with bench.worker():
        outputs = (await bench.ended(pair)).result["outputs"]
        alone = (await bench.ended(single)).result["outputs"]
    assert outputs[1]["artifact"]["sha256"] == alone[0]["artifact"]["sha256"]


async def test_progress_grows_and_comes_at_most_four_times_a_second(bench):
    bench.organ.step_s = 0.04
    job_id = await bench.ask()
    started = time.monotonic()
    async with bench.worker():
        job = await bench.ended(job_id)
        took_s = time.monotonic() - started
    events = [event async for event in bench.queue.events(job_id) if event.kind == "progress"]
    fractions = [event.payload["fraction"] for event in events]
    assert fractions == sorted(fractions)
    assert 3 <= len(events) <= 4 * took_s + 2
    assert job.state is State.SUCCEEDED
    assert {"stage", "steps_done", "steps_total", "audio_seconds_done", "eta_seconds"} <= set(
        events[-1].payload
    )


async def test_all_jobs_of_a_crowd_succeed_once_each(bench):
    job_ids = [await bench.ask(seed=seed, duration=0.3) for seed in range(30)]
    async with bench.worker(), bench.worker("w2"):
        jobs = [await bench.ended(job_id) for job_id in job_ids]
    assert [job.state for job in jobs] == [State.SUCCEEDED] * 30
    assert [job.attempts for job in jobs] == [1] * 30
    kinds = await bench.kinds(job_ids[0])
    assert kinds.count("audio") == 1
    assert [kind for kind in kinds if kind not in ("progress", "audio")] == [
        "queued",
        "started",
        "output",
        "completed",
    ]


async def test_a_cancel_frees_the_slot_at_once(bench):
    bench.lease(180.0)  # so that a renewal, each minute, is no explanation
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=15.0)
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        await bench.queue.cancel(job_id)
        job = await bench.ended(job_id, limit_s=50.0)
        assert job.state is State.CANCELLED
        await idle(worker)


async def test_a_deadline_ends_a_running_job(bench):
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=15.0, delivery={"deadline": 0.5})
    async with bench.worker():
        assert (await bench.ended(job_id)).state is State.EXPIRED


async def test_a_bad_song_is_made_again_with_another_sub_seed_and_a_warning(bench, monkeypatch):
    first = await bench.ask()
    async with bench.worker():
        usual = await bench.ended(first)
        monkeypatch.setattr(run, "finish", bad_for(1))
        job = await bench.ended(await bench.ask())
    assert job.state is State.SUCCEEDED
    assert "another sub-seed" in job.result["warnings"][0]
    assert job.result["outputs"][0]["seed"] == 7
    assert job.result["outputs"][0]["artifact"]["id"] != usual.result["outputs"][0]["artifact"]["id"]
    assert "warning" in await bench.kinds(job.id)


async def test_a_song_that_is_bad_twice_fails_for_good_with_the_reason(bench, monkeypatch):
    monkeypatch.setattr(run, "finish", bad_for(2))
    async with bench.worker():
        job = await bench.ended(await bench.ask())
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert job.error["code"] == "bad_song"
    assert "silent" in job.error["detail"]


async def test_what_a_model_cannot_hold_fails_at_once(bench):
    async with bench.worker():
        job = await bench.ended(await bench.ask(duration=25.0))
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert job.error["code"] == "duration_too_long"


async def test_an_internal_error_is_tried_again_by_the_queue(bench):
    bench.organ.trouble = RuntimeError("a cable is loose")
    job_id = await bench.ask()
    async with bench.worker():
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.FAILED, 3)
    assert "cable" not in job.error["detail"]


async def test_a_drain_finishes_what_runs_and_claims_no_more(bench):
    bench.organ.crawl_after(5)
    running = [await bench.ask(seed=seed) for seed in range(4)]
    async with bench.worker() as worker:
        for job_id in running:
            await bench.until(job_id, State.RUNNING)
        worker.drain()
        waiting = await bench.ask()
        bench.organ.hurry()
        jobs = [await bench.ended(job_id) for job_id in running]
        assert {job.state for job in jobs} == {State.SUCCEEDED}
        assert (await bench.queue.get(waiting)).state is State.QUEUED


@pytest.mark.parametrize("hurried", [True, False])
async def test_what_the_grace_does_not_finish_is_handed_back_uncharged(bench, hurried):
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=10.0)
    async with bench.worker(drain_s=60.0 if hurried else 0.2) as worker:
        await bench.until(job_id, State.RUNNING)
        worker.drain()
        if hurried:
            worker.drain()
        job = await bench.until(job_id, State.QUEUED)
    assert job.attempts == 0
    bench.organ.hurry()
    async with bench.worker("w2"):
        job = await bench.ended(job_id)
    assert (job.state, job.attempts, job.worker) == (State.SUCCEEDED, 1, "w2")


async def test_a_drain_longer_than_the_lease_keeps_the_lease(bench):
    bench.lease(5.0)
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=0.9)
    keys = bench.queue._keys_of(job_id)
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        worker.drain()
        ends = await bench.client.zscore(keys.leases, job_id)
        while (await bench.client.time())[0] * 1000 < ends + 1000:
            await bench.queue.sweep()
            await asyncio.sleep(0.1)
        bench.organ.hurry()
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 1)


async def test_a_deleted_job_is_stopped_and_leaves_no_file(bench):
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=10.0)
    async with bench.worker() as worker:
        await bench.until(job_id, State.RUNNING)
        await bench.queue.delete(job_id)
        await idle(worker)
    assert not bench.files()


async def test_a_lost_lease_stops_the_song_and_changes_nothing(bench):
    bench.organ.crawl_after(5)
    job_id = await bench.ask(duration=3.0)
    async with bench.worker("zombie") as worker:
        await bench.until(job_id, State.RUNNING)
        worker.drain()
        await bench.lose(job_id)
        await idle(worker)
    bench.organ.hurry()
    async with bench.worker("w2"):
        job = await bench.ended(job_id)
    assert (job.state, job.worker, job.attempts) == (State.SUCCEEDED, "w2", 2)


async def test_a_cancel_between_the_song_and_its_end_leaves_no_file(bench, monkeypatch):
    job_id = await bench.ask()
    loop = asyncio.get_running_loop()

    def slow(audio, output, *marks):
        asyncio.run_coroutine_threadsafe(bench.queue.cancel(job_id), loop).result()
        time.sleep(0.3)
        return finish(audio, output, *marks)

    monkeypatch.setattr(run, "finish", slow)
    async with bench.worker() as worker:
        assert (await bench.ended(job_id)).state is State.CANCELLED
        await idle(worker)
    assert not bench.files()
