"""What operators see and do."""

from __future__ import annotations

import pytest

from muscgen.jobs.apikeys import SCOPES, ApiKeys

from .conftest import MODEL, assert_problem


@pytest.fixture
async def operator(service):
    stored = ApiKeys(service.queue.redis, service.queue.prefix)
    _, text = await stored.create("ops", scopes=SCOPES)
    service.http.headers["Authorization"] = f"Bearer {text}"
    yield service.http
    names = [name async for name in service.queue.redis.scan_iter(f"{service.queue.prefix}:apikey*")]
    await service.queue.redis.delete(*names)


@pytest.mark.parametrize("path", ["/admin/keys", "/admin/jobs", "/admin/queues"])
async def test_an_open_service_has_no_operators(service, path):
    assert_problem(await service.http.get(path), 403, "forbidden", "Authorization")


async def test_keys_are_made_listed_and_revoked(service, operator):
    wish = {"tenant": "acme", "scopes": ["read"], "expires_in": 3600, "limits": {"per_minute": 2}}
    made = await operator.post("/admin/keys", json=wish)
    key = made.json()
    assert (made.status_code, key["limits"]["per_minute"]) == (201, 2)
    theirs = {"Authorization": f"Bearer {key['key']}"}
    assert (await operator.get("/jobs", headers=theirs)).status_code == 200
    assert (await operator.get("/admin/keys", headers=theirs)).status_code == 403
    listed = (await operator.get("/admin/keys")).json()["keys"]
    assert [entry["tenant"] for entry in listed] == ["ops", "acme"]
    assert "key" not in listed[1]
    assert (await operator.delete(f"/admin/keys/{key['id']}")).json()["revoked_at"] is not None
    assert_problem(await operator.delete("/admin/keys/none"), 404, "not_found", "id")


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"tenant": "acme", "scopes": ["write"]}, "scopes"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": "acme", "limits": {"per_hour": 1}}, "limits.per_hour"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_by_its_field(service, operator, wish, param):
    assert_problem(await operator.post("/admin/keys", json=wish), 422, "invalid_request", param)


async def test_the_jobs_of_all_tenants_are_seen_and_cancelled(service, operator):
    job = await service.job()
    await service.queue.enqueue((await service.queue.get(job["id"])).request, tenant="acme")
    listed = (await operator.get("/admin/jobs?tenant=acme")).json()["jobs"]
    assert len(listed) == 1
    assert len((await operator.get("/admin/jobs")).json()["jobs"]) == 2
    theirs = listed[0]["id"]
    assert (await operator.get(f"/jobs/{theirs}")).status_code == 404
    assert (await operator.get(f"/admin/jobs/{theirs}")).status_code == 200
    assert (await operator.post(f"/admin/jobs/{theirs}/cancel")).json()["status"] == "cancelled"


async def test_a_dead_letter_is_shown_and_tried_again(make_service, service, operator):
    service.queue.max_attempts = 1
    await service.job()
    claim = await service.claim()
    await service.queue.fail(claim, {"code": "boom"}, retry=True)
    letters = (await operator.get(f"/admin/dead-letters?model={MODEL}")).json()["dead_letters"]
    assert [letter["job"] for letter in letters] == [claim.job_id]
    again = await operator.post(f"/admin/jobs/{claim.job_id}/requeue")
    assert again.status_code == 200
    assert again.json()["status"] == "queued"


async def test_a_queue_is_paused_resumed_and_purged(service, operator):
    await service.job()
    paused = (await operator.post(f"/admin/queues/pause?model={MODEL}")).json()
    assert (paused["paused"], paused["waiting"]["normal"]) == (True, 1)
    assert await service.queue.claim([MODEL], "w", 1) == []
    assert (await operator.post(f"/admin/queues/purge?model={MODEL}")).json() == {"cancelled": 1}
    assert (await operator.post(f"/admin/queues/resume?model={MODEL}")).json()["paused"] is False
    queues = (await operator.get("/admin/queues")).json()["queues"]
    assert MODEL in [queue["model"] for queue in queues]
    assert_problem(await operator.post("/admin/queues/purge?model=none"), 404, "model_not_found", "model")
