"""A job's events as server-sent events."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from muscgen.api import sse

from .conftest import assert_problem


def frames(text: str) -> list[dict[str, str]]:
    """The events in a stream, comments left out."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def finished(service):
    job = await service.job()
    claim = await service.claim()
    await service.queue.report(claim, {"fraction": 0.5})
    await service.finish(claim)
    return job


async def test_events_come_in_order_and_end_with_completed(service):
    job = await finished(service)
    answer = await service.http.get(job["urls"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    events = frames(answer.text)
    assert [event["event"] for event in events] == ["queued", "started", "progress", "completed"]
    assert all(event["id"] for event in events)
    last = json.loads(events[-1]["data"])
    assert last["status"] == last["job"]["status"] == "succeeded"
    assert last["job"]["outputs"][0]["artifact"]["url"].startswith("/artifacts/")


async def test_last_event_id_replays_what_was_missed(service):
    job = await finished(service)
    events = frames((await service.http.get(job["urls"]["events"])).text)
    later = await service.http.get(job["urls"]["events"], headers={"Last-Event-ID": events[1]["id"]})
    assert frames(later.text) == events[2:]


async def test_nothing_left_to_tell_is_204_so_that_browsers_do_not_ask_for_ever(service):
    job = await finished(service)
    events = frames((await service.http.get(job["urls"]["events"])).text)
    answer = await service.http.get(job["urls"]["events"], headers={"Last-Event-ID": events[-1]["id"]})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("number", ["x", "1-2-3", "", "9" * 30])
async def test_an_id_that_is_none_is_refused(service, number):
    job = await service.job()
    answer = await service.http.get(job["urls"]["events"], headers={"Last-Event-ID": number})
    assert_problem(answer, 422, "invalid_request", "Last-Event-ID")


async def test_the_stream_of_an_unknown_job_is_404(service):
    answer = await service.http.get("/jobs/job_c3069653158e_01AA/events")
    assert_problem(answer, 404, "job_not_found")


async def test_a_quiet_stream_beats(service):
    job = await service.job()
    beats = service.queue.beating_events(job["id"], beat_s=0.05)
    assert (await anext(beats)).kind == "queued"
    assert [await anext(beats) for _ in range(3)] == [None] * 3
    await service.queue.cancel(job["id"])
    told = [event async for event in beats if event is not None]
    assert [event.kind for event in told] == ["completed"]


async def test_beats_are_comments_in_the_stream(service, monkeypatch):
    monkeypatch.setattr(sse.follow, "__kwdefaults__", {"after": None, "heartbeat_s": 0.05})
    job = await service.job()
    asking = asyncio.create_task(service.http.get(job["urls"]["events"]))
    async with asyncio.timeout(60):
        while job["id"] not in service.queue._tails:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    await service.http.post(job["urls"]["cancel"])
    text = (await asking).text
    assert ": heartbeat\n\n" in text
    assert [event["event"] for event in frames(text)] == ["queued", "completed"]


async def test_a_stream_survives_the_deletion_of_its_job(service):
    job = await service.job()
    task = asyncio.create_task(service.http.get(job["urls"]["events"]))
    await asyncio.sleep(0.1)
    await service.http.delete(job["urls"]["self"])
    answer: httpx.Response = await task
    last = frames(answer.text)[-1]
    assert last["event"] == "completed"
    assert json.loads(last["data"])["job"] is None
