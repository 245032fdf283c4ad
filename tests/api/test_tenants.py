"""What one tenant has, another neither sees nor touches."""

from __future__ import annotations

import pytest

from muscgen.artifacts.companions import CREDENTIALS, RECEIPT
from muscgen.jobs.apikeys import ApiKeys
from muscgen.jobs.limits import Limits

from .conftest import assert_problem


@pytest.fixture
async def keys(service):
    """Authorization headers of two tenants; afterwards the keys go."""
    stored = ApiKeys(service.queue.redis, service.queue.prefix)

    async def header(tenant, **changes):
        return {"Authorization": f"Bearer {(await stored.create(tenant, **changes))[1]}"}

    yield header
    names = [name async for name in service.queue.redis.scan_iter(f"{service.queue.prefix}:apikey*")]
    await service.queue.redis.delete(*names)


async def test_a_service_is_open_until_the_first_key_is_made(make_service, service, keys):
    assert (await service.http.get("/jobs")).status_code == 200
    await keys("a")
    service.app.state.house.keyring._closed = (-5.0, False)  # five seconds later
    assert_problem(await service.http.get("/jobs"), 401, "unauthorized", "Authorization")


ROUTES = [
    ("GET", "/jobs/{job}"),
    ("GET", "/jobs/{job}?wait=1"),
    ("GET", "/jobs/{job}/events"),
    ("GET", "/jobs/{job}/audio"),
    ("HEAD", "/jobs/{job}/audio"),
    ("POST", "/jobs/{job}/cancel"),
    ("DELETE", "/jobs/{job}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_the_job_of_another_tenant_is_not_there(service, keys, method, path):
    mine, theirs = await keys("a"), await keys("b")
    job = (await service.post(headers=mine)).json()
    answer = await service.http.request(method, path.format(job=job["id"]), headers=theirs)
    missing = await service.http.request(method, path.format(job=job["id"][:-4] + "0000"), headers=theirs)
    assert (answer.status_code, missing.status_code) == (404, 404)
    if method != "HEAD":
        assert answer.json()["detail"].replace(job["id"], "") == missing.json()["detail"].replace(
            job["id"][:-4] + "0000", ""
        )
    assert (await service.http.get(f"/jobs/{job['id']}", headers=mine)).json()["status"] == "queued"


FILE_ROUTES = [
    ("GET", "/artifacts/{file}"),
    ("HEAD", "/artifacts/{file}"),
    ("DELETE", "/artifacts/{file}"),
    ("POST", "/artifacts/{file}/sign"),
    ("GET", "/artifacts/{file}/receipt"),
    ("GET", "/artifacts/{file}/credentials"),
]


@pytest.mark.parametrize(("method", "path"), FILE_ROUTES)
async def test_the_file_of_another_tenant_is_not_there(service, keys, method, path):
    mine, theirs = await keys("a"), await keys("b")
    await service.post(headers=mine)
    file = await service.play()
    for name in (RECEIPT, CREDENTIALS):
        service.store.attach(file, name, b"{}")
    answer = await service.http.request(method, path.format(file=file), headers=theirs)
    missing = await service.http.request(method, path.format(file="0" * 64), headers=theirs)
    assert (answer.status_code, missing.status_code) == (404, 404)
    if method != "HEAD":
        words = [one.json()["detail"].replace(id_, "") for one, id_ in ((answer, file), (missing, "0" * 64))]
        assert words[0] == words[1]
    if method != "DELETE":  # a song's file goes with its job
        assert (await service.http.request(method, path.format(file=file), headers=mine)).status_code == 200


async def test_the_sound_of_another_tenant_is_not_built_on(service, keys):
    mine, theirs = await keys("a"), await keys("b")
    await service.post(headers=mine)
    clip = {"artifact_id": await service.play(), "end": 2.0}
    wish = {"mode": "continuation", "conditioning": {"prompt_audio": clip}, "duration": 8.0}
    answer = await service.post(headers=theirs, **wish)
    assert_problem(answer, 422, "invalid_request", "conditioning.prompt_audio.artifact_id")
    assert (await service.post(headers=mine, **wish)).status_code == 202


async def test_a_tenant_lists_its_own_jobs_from_all_its_keys(service, keys):
    one, two, theirs = await keys("a"), await keys("a"), await keys("b")
    ids = [(await service.post(headers=header)).json()["id"] for header in (one, theirs, two)]
    listed = (await service.http.get("/jobs", headers=two)).json()["jobs"]
    assert [job["id"] for job in listed] == [ids[2], ids[0]]


async def test_a_file_is_its_tenants_and_equal_songs_of_two_tenants_are_made_twice(service, keys):
    mine, theirs = await keys("a"), await keys("b")
    await service.post(headers=mine, seed=1)
    artifact = await service.play()
    assert (await service.http.get(f"/artifacts/{artifact}", headers=mine)).status_code == 200
    assert (await service.http.get(f"/artifacts/{artifact}", headers=theirs)).status_code == 404
    assert (await service.post(headers=theirs, seed=1)).json()["cache"] == "miss"
    hit = (await service.post(headers=mine, seed=1)).json()
    assert hit["cache"] == "hit"
    await service.http.delete(f"/jobs/{hit['leader' if 'leader' in hit else 'id']}", headers=mine)
    assert (await service.http.get(f"/artifacts/{artifact}", headers=mine)).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (["read"], "POST", "/generate", 403),
        (["read"], "POST", "/artifacts", 403),
        (["read"], "GET", "/jobs", 200),
        (["generate"], "GET", "/jobs", 403),
        (["generate", "read", "verify"], "GET", "/v1/models", 200),
        (["verify"], "GET", "/v1/models", 403),
    ],
)
async def test_a_key_opens_what_its_scopes_say(service, keys, scopes, method, path, status):
    answer = await service.http.request(method, path, headers=await keys("a", scopes=scopes))
    assert answer.status_code == status
    if status == 403:
        assert "scope" in assert_problem(answer, 403, "forbidden", "Authorization")["detail"]


async def test_a_revoked_or_expired_key_is_refused(service, keys):
    stored = ApiKeys(service.queue.redis, service.queue.prefix)
    key, text = await stored.create("a")
    header = {"Authorization": f"Bearer {text}"}
    assert (await service.http.get("/jobs", headers=header)).status_code == 200
    await stored.revoke(key.id)
    service.app.state.house.keyring._known.clear()  # five seconds later
    assert_problem(await service.http.get("/jobs", headers=header), 401, "unauthorized", "Authorization")
    late = await keys("a", expires_at=1.0)
    assert_problem(await service.http.get("/jobs", headers=late), 401, "unauthorized", "Authorization")


async def test_a_tenants_limits_are_kept_and_retry_after_says_until_when(service, keys):
    header = await keys("a", limits=Limits(per_minute=1))
    assert (await service.post(headers=header)).status_code == 202
    refused = await service.post(headers=header)
    assert_problem(refused, 429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_keys_of_the_settings_go_on_beside_those_that_are_stored(make_service):
    service = make_service(api_keys=("static",))
    assert (await service.http.get("/jobs")).status_code == 401
    for text, status in (("static", 200), ("other", 401)):
        answer = await service.http.get("/jobs", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == status
