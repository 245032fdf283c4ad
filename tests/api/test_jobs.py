"""/jobs: look, wait, list, cancel, delete."""

from __future__ import annotations

import asyncio

import pytest

from muscgen.errors import BadSong

from .conftest import MODEL, SONG, assert_problem

UNKNOWN = "job_c3069653158e_01AAAAAAAAAAAAAAAAAAAAAAAA"


async def test_a_finished_job_shows_its_song(service):
    job = await service.job()
    artifact = await service.play()
    found = (await service.http.get(job["urls"]["self"])).json()
    assert found["status"] == "succeeded"
    (output,) = found["outputs"]
    assert output["seed"] == 7
    assert output["artifact"]["url"] == f"/artifacts/{artifact}"
    assert output["artifact"]["bytes"] == len(SONG)
    assert found["warnings"] == ["quiet"]
    assert found["usage"] == {"audio_seconds": 4.0}
    assert found["model"]["backend"] == "onnx"
    assert found["progress"]["fraction"] == 1.0
    assert found["started_at"] <= found["completed_at"] < found["expires_at"]
    assert (await service.http.get(output["artifact"]["url"])).content == SONG


async def test_a_job_that_was_done_before_its_first_report_is_done_all_the_same(service):
    job = await service.job()
    claim = await service.claim()
    await service.queue.report(
        claim, {"fraction": 0.0, "stage": "waiting", "steps_done": 1, "steps_total": 8}
    )
    await service.finish(claim)
    progress = (await service.http.get(job["urls"]["self"])).json()["progress"]
    assert progress == {
        "fraction": 1.0, "stage": "finishing", "steps_done": 8, "steps_total": 8, "audio_seconds_done": 4.0,
        "eta_seconds": 0.0,
    }  # fmt: skip


async def test_a_running_job_shows_its_progress(service):
    job = await service.job()
    await service.queue.report(
        await service.claim(), {"fraction": 0.25, "stage": "generating", "steps_done": 50}
    )
    found = (await service.http.get(job["urls"]["self"])).json()
    assert found["status"] == "running"
    assert found["worker"] == "w1"
    assert found["attempts"] == 1
    assert found["progress"]["fraction"] == 0.25
    assert found["queue"]["position"] is None


async def test_a_failed_job_shows_a_problem(service):
    job = await service.job()
    await service.queue.fail(await service.claim(), BadSong("the song is silent").to_dict(), retry=False)
    found = (await service.http.get(job["urls"]["self"])).json()
    assert found["status"] == "failed"
    assert found["error"]["code"] == "bad_song"
    assert found["error"]["type"] == "urn:muscgen:error:bad_song"
    assert found["error"]["status"] == 500


@pytest.mark.parametrize("job_id", [UNKNOWN, "job", "..%2f..", "job_%00", "a" * 3_000])
@pytest.mark.parametrize(
    ("method", "end"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/events")]
)
async def test_an_unknown_job_is_404(service, method, end, job_id):
    answer = await service.http.request(method, f"/jobs/{job_id}{end}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_job_is_called_so(service):
    assert_problem(await service.http.get(f"/jobs/{UNKNOWN}"), 404, "job_not_found")


async def test_an_expired_job_is_410(service, client):
    job = await service.job()
    await service.play()
    await client.delete(f"{service.queue.prefix}:{{{job['id'].split('_')[1]}}}:job:{job['id']}")
    assert_problem(await service.http.get(job["urls"]["self"]), 410, "job_expired")


async def test_a_job_past_its_deadline_says_so(service):
    job = await service.job(delivery={"deadline": 0.01})
    await asyncio.sleep(0.05)
    await service.queue.sweep()
    found = (await service.http.get(job["urls"]["self"])).json()
    assert found["status"] == "expired"
    assert found["error"]["code"] == "deadline_exceeded"
    assert found["error"]["status"] == 504


async def test_wait_returns_with_the_end(service):
    job = await service.job()
    waiting = asyncio.create_task(service.http.get(job["urls"]["self"], params={"wait": 30}))
    await asyncio.sleep(0.05)
    await service.play()
    assert (await waiting).json()["status"] == "succeeded"


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1.5"])
async def test_a_wait_beyond_the_limit_is_named(service, wait):
    job = await service.job()
    answer = await service.http.get(job["urls"]["self"], params={"wait": wait})
    assert_problem(answer, 422, "invalid_request", "wait")


async def test_an_unchanged_job_is_304(service):
    job = await service.job()
    first = await service.http.get(job["urls"]["self"])
    known = {"If-None-Match": first.headers["etag"]}
    again = await service.http.get(job["urls"]["self"], headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    await service.play()
    assert (await service.http.get(job["urls"]["self"], headers=known)).status_code == 200


async def test_jobs_are_listed_newest_first_in_pages(service):
    ids = [(await service.job())["id"] for _ in range(3)]
    first = (await service.http.get("/jobs", params={"limit": 2})).json()
    rest = (await service.http.get("/jobs", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert {job["id"] for job in first["jobs"] + rest["jobs"]} == set(ids)
    assert rest["next_cursor"] is None


async def test_jobs_are_filtered(service):
    await service.job()
    await service.play()
    await service.job()
    done = (await service.http.get("/jobs", params={"state": "succeeded", "model": MODEL})).json()
    assert [job["status"] for job in done["jobs"]] == ["succeeded"]
    assert (await service.http.get("/jobs", params={"model": "other"})).json()["jobs"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "queued"), ("state", "done"), ("limit", "0"), ("limit", "201"), ("cursor", "zzz")],
)
async def test_a_filter_that_cannot_be_honoured_is_named(service, name, value):
    answer = await service.http.get("/jobs", params={name: value})
    assert_problem(answer, 422, "invalid_request", name)


async def test_cancelling_twice_is_the_same_as_once(service):
    job = await service.job()
    answers = [await service.http.post(job["urls"]["cancel"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["status"] for answer in answers] == ["cancelled", "cancelled"]


async def test_a_running_job_is_asked_to_stop(service):
    job = await service.job()
    claim = await service.claim()
    assert (await service.http.post(job["urls"]["cancel"])).json()["cancel_requested"]
    await service.queue.confirm_cancel(claim)
    assert (await service.http.get(job["urls"]["self"])).json()["status"] == "cancelled"


async def test_a_finished_job_stays_finished_when_cancelled(service):
    job = await service.job()
    await service.play()
    assert (await service.http.post(job["urls"]["cancel"])).json()["status"] == "succeeded"


async def test_deleting_takes_the_record_and_its_artifacts(service):
    job = await service.job()
    artifact = await service.play()
    assert (await service.http.delete(job["urls"]["self"])).status_code == 204
    assert_problem(await service.http.get(job["urls"]["self"]), 404, "job_not_found")
    assert_problem(await service.http.get(f"/artifacts/{artifact}"), 404, "artifact_not_found", "id")
    assert_problem(await service.http.delete(job["urls"]["self"]), 404, "job_not_found")


async def test_deleting_leaves_what_another_job_owns(service):
    first = await service.job()
    artifact = await service.play()
    await service.job()
    await service.play()
    await service.http.delete(first["urls"]["self"])
    assert (await service.http.get(f"/artifacts/{artifact}")).status_code == 200


async def test_deleting_a_running_job_takes_it_from_its_worker(service):
    job = await service.job()
    await service.claim()
    assert (await service.http.delete(job["urls"]["self"])).status_code == 204
    assert_problem(await service.http.get(job["urls"]["self"]), 404, "job_not_found")
