"""POST /generate and the three ways to wait."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from .conftest import MODEL, assert_problem


async def test_a_wish_becomes_a_job_with_every_default_filled_in(service):
    answer = await service.post()
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/jobs/{job['id']}" == job["urls"]["self"]
    assert answer.headers["preference-applied"] == "respond-async"
    assert job["status"] == "queued"
    assert job["queue"] == {"position": 0, "eta_seconds": None}
    assert job["request"]["model"] == MODEL
    assert isinstance(job["request"]["seed"], int)
    assert job["request"]["sampling"] == {
        "temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 2.0
    }  # fmt: skip
    assert job["created_at"].endswith("Z")
    assert job["model"]["license"] == "Apache-2.0"
    assert job["outputs"] == []
    assert job["error"] is None


async def test_the_effective_request_can_be_posted_again(service):
    first = await service.job(output={"format": "opus", "normalize": {"strategy": "peak"}})
    again = await service.http.post("/generate", json=first["request"])
    assert again.json()["request"] == first["request"]


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": 90},
        {"duration": None, "prompt": None, "sections": [{"prompt": "harp", "duration": 20.1}] * 3},
        {"prompt": None, "mode": "unconditional"},
    ],
)
async def test_long_songs_sections_and_songs_without_words_are_echoed_and_can_be_posted_again(
    service, fields
):
    wish = {"prompt": "harp", "duration": 4.0} | fields
    body = {name: value for name, value in wish.items() if value is not None}
    answer = await service.http.post("/generate", json=body)
    request = answer.json()["request"]
    assert answer.status_code == 202, answer.text
    assert body.items() <= request.items()
    assert request["long_form"] == (None if request["duration"] <= 30 else {"window": 30.0, "stride": 18.0})
    assert (await service.http.post("/generate", json=request)).json()["request"] == request


async def test_prefer_wait_answers_200_once_the_song_is_there(service):
    waiting = asyncio.create_task(service.post({"Prefer": "respond-async, wait=20"}))
    await service.play()
    answer = await waiting
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json()["status"] == "succeeded"


async def test_prefer_wait_answers_202_when_time_is_up(service):
    answer = await service.post({"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


@pytest.mark.parametrize("wait", ["61", "-1", "soon", "1.5", "", "9" * 400])
async def test_a_wait_beyond_the_limit_is_refused(service, wait):
    assert_problem(await service.post({"Prefer": f"wait={wait}"}), 422, "invalid_request", "Prefer")
    assert (await service.queue.list()).jobs == []


async def test_a_preference_nobody_knows_is_ignored(service):
    assert (await service.post({"Prefer": "handling=lenient"})).status_code == 202


@pytest.mark.parametrize("accept", ["audio/aac", "image/png, audio/wav;q=0", "text/html"])
async def test_an_answer_there_is_not_is_refused(service, accept):
    problem = assert_problem(await service.post({"Accept": accept}), 406, "not_acceptable", "Accept")
    assert "audio/mpeg" in problem["suggestion"]
    assert (await service.queue.list()).jobs == []


async def test_the_same_idempotency_key_finds_the_same_job(service):
    key = {"Idempotency-Key": "k-1"}
    first, second = await service.post(key), await service.post(key)
    assert first.json()["id"] == second.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await service.queue.list()).jobs) == 1


async def test_white_space_and_order_do_not_make_another_request(service):
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = [b'{"prompt": "a", "n": 2}', b'{ "n":2,\n"prompt":"a"}']
    first, second = [await service.http.post("/generate", content=body, headers=headers) for body in bodies]
    assert first.json()["id"] == second.json()["id"]


async def test_one_key_with_two_bodies_is_refused(service):
    await service.post({"Idempotency-Key": "k"}, prompt="one")
    answer = await service.post({"Idempotency-Key": "k"}, prompt="two")
    assert_problem(answer, 422, "idempotency_conflict", "Idempotency-Key")


@pytest.mark.parametrize("key", ["", "two words", "k" * 256])
async def test_an_idempotency_key_is_short_visible_text(service, key):
    assert_problem(await service.post({"Idempotency-Key": key}), 422, "invalid_request", "Idempotency-Key")


async def test_a_full_queue_says_when_to_come_again(make_service):
    service = make_service({"max_depth": 1})
    await service.job()
    answer = await service.post()
    assert assert_problem(answer, 429, "queue_full")["retryable"]
    assert int(answer.headers["retry-after"]) >= 1


async def test_no_worker_is_503_where_one_is_required(make_service):
    service = make_service({"require_worker": True})
    answer = await service.post()
    assert_problem(answer, 503, "no_worker", "model")
    assert int(answer.headers["retry-after"]) >= 1


async def test_post_streams_the_events_where_a_stream_is_accepted(service):
    stream = asyncio.create_task(service.post({"Accept": "text/event-stream"}))
    await service.play()
    answer = await stream
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["location"].startswith("/jobs/")
    blocks = [block for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    last: dict[str, Any] = json.loads(blocks[-1].split("data: ")[1])
    assert "event: queued" in blocks[0]
    assert "event: completed" in blocks[-1]
    assert last["job"]["status"] == "succeeded"


async def test_a_prompt_is_in_no_log(service, caplog):
    caplog.set_level("DEBUG")
    await service.post(prompt="xylophone secret", sampling={"temperature": 99})
    await service.job(prompt="xylophone secret")
    assert "xylophone" not in caplog.text
    assert all("xylophone" not in str(getattr(record, "fields", "")) for record in caplog.records)
