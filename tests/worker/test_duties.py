"""A consent is asked for again by the worker, and what is made is written down before anybody gets it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from bench import MODEL

from muscgen.artifacts import DirectoryStore
from muscgen.audit.chain import lines
from muscgen.audit.segments import segments
from muscgen.jobs import State
from muscgen.jobs.consents import Consents
from muscgen.request import Consent, ConsentRecord, Scope
from muscgen.worker import duties

RECORD = ConsentRecord(
    id=f"consent_{'ab' * 16}",
    tenant="",
    inline=False,
    basis="licensed",
    reference=None,
    scope=Scope(),
    statement=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def consents(bench):
    return Consents(bench.client, bench.prefix)


def by(record):
    consent = Consent(id=record.id, basis=record.basis, sha256=record.sha256)
    return {"rights": {"input_audio_consent": consent.model_dump()}}


def noted(bench):
    return [line.what for line in lines(segments(bench.audit._folder)) if line.kind == "generate"]


def kept(bench):
    return list(DirectoryStore(bench.store._root)._records())


async def test_what_is_made_is_listed_with_its_consent_and_written_down(bench, consents):
    await consents.put(RECORD)
    async with bench.worker():
        job_id = await bench.ask(n=2, **by(RECORD))
        job = await bench.ended(job_id)
    files = [output["artifact"]["sha256"] for output in job.result["outputs"]]
    made, _ = await consents.made(RECORD.id)
    assert sorted(use.artifact for use in made) == sorted(files)
    assert {use.job for use in made} == {job_id}
    [line] = noted(bench)
    assert (line["job"], line["model"], sorted(line["artifacts"])) == (job_id, MODEL, sorted(files))
    assert (line["consent"], line["consent_sha256"]) == (RECORD.id, RECORD.sha256)


async def test_the_log_has_who_asked_and_no_prompt(bench):
    async with bench.worker():
        queued = await bench.queue.enqueue(song_of(prompt="a very private prompt"), tenant="acme")
        await bench.ended(queued.job_id)
    [line] = lines(segments(bench.audit._folder))
    assert line.who == "acme"
    assert "private" not in line.text()


def song_of(**changes):
    from bench import song

    return song(**changes)


async def refused(bench, record, code):
    async with bench.worker():
        job = await bench.ended(await bench.ask(**by(record)))
    assert (job.state, job.error["code"]) == (State.FAILED, code)
    assert job.attempts == 1
    assert noted(bench) == []
    assert kept(bench) == []


async def test_a_job_that_waited_while_its_consent_was_revoked_is_not_begun(bench, consents):
    await consents.put(RECORD)
    await consents.revoke(RECORD.id)
    await refused(bench, RECORD, "consent_revoked")


async def test_a_job_that_waited_while_its_consent_ended_is_not_begun(bench, consents):
    ended = RECORD.model_copy(update={"scope": Scope(until=datetime.fromtimestamp(time.time() - 1, UTC))})
    await consents.put(ended)
    await refused(bench, ended, "consent_refused")


async def test_a_job_is_not_begun_from_a_song_whose_own_consent_was_revoked_meanwhile(bench, consents):
    behind = RECORD.model_copy(update={"id": f"consent_{'cd' * 16}"})
    for record in (RECORD, behind):
        await consents.put(record)
    await consents.use(behind.id, "job_of_another_time", ["ab" * 32])
    await consents.revoke(behind.id)
    clip = {"mode": "continuation", "conditioning": {"prompt_audio": {"artifact_id": "ab" * 32, "end": 0.5}}}
    async with bench.worker():
        job = await bench.ended(await bench.ask(**by(RECORD), **clip))
    assert job.error["code"] == "consent_revoked"


async def test_a_job_whose_consent_is_gone_is_not_begun(bench):
    await refused(bench, RECORD, "consent_refused")


async def running(worker):
    async with asyncio.timeout(60):
        while not worker.running:  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0.02)


async def test_a_song_stops_while_it_is_made_when_its_consent_is_revoked(bench, consents, monkeypatch):
    monkeypatch.setattr(duties, "ASK_S", 0.05)
    await consents.put(RECORD)
    bench.organ.crawl_after(5)
    async with bench.worker() as worker:
        job_id = await bench.ask(duration=15.0, **by(RECORD))
        await running(worker)
        await consents.revoke(RECORD.id)
        job = await bench.ended(job_id)  # the whole song would take minutes
    assert (job.state, job.error["code"]) == (State.FAILED, "consent_revoked")
    assert noted(bench) == kept(bench) == []


async def test_a_song_that_was_made_while_its_consent_was_revoked_is_kept_back(bench, consents, monkeypatch):
    monkeypatch.setattr(duties, "ASK_S", 60.0)  # only the last look is left
    await consents.put(RECORD)
    bench.organ.crawl_after(5)
    async with bench.worker() as worker:
        job_id = await bench.ask(**by(RECORD))
        await running(worker)
        await consents.revoke(RECORD.id)
        bench.organ.hurry()
        job = await bench.ended(job_id)
    assert (job.state, job.error["code"]) == (State.FAILED, "consent_revoked")
    assert noted(bench) == kept(bench) == []
    assert await consents.made(RECORD.id) == ([], None)


async def test_no_song_is_handed_out_that_cannot_be_written_down(bench):
    bench.audit._folder.parent.mkdir(parents=True)
    bench.audit._folder.write_text("no folder")
    async with bench.worker():
        job = await bench.ended(await bench.ask())
    assert (job.state, job.error["code"]) == (State.FAILED, "audit_unavailable")
    assert job.attempts == 3
    assert kept(bench) == []


async def test_where_a_worker_dies_after_its_line_the_last_attempt_says_what_was_handed_out(
    bench, monkeypatch
):
    finish, lost = bench.queue.finish, []

    async def lost_once(claim, *result, **more):
        if not lost:
            lost.append(claim.attempt)
            await bench.lose(claim.job_id)
        return await finish(claim, *result, **more)

    monkeypatch.setattr(bench.queue, "finish", lost_once)
    async with bench.worker():
        job_id = await bench.ask()
        job = await bench.ended(job_id)
    found = [line for line in noted(bench) if line["job"] == job_id]
    assert (job.state, [line["attempt"] for line in found]) == (State.SUCCEEDED, [1, 2])
    assert found[-1]["artifacts"] == [output["artifact"]["id"] for output in job.result["outputs"]]
