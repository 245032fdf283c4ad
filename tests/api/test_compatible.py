"""The doors of other vendors' clients, without those clients: keys, switches, and errors before any route."""

from __future__ import annotations

import json

import pytest

VENDORS = {
    "replicate": ("/v1/predictions", {"version": "muscgen-tiny", "input": {"prompt": "a"}}),
    "elevenlabs": ("/v1/music", {"prompt": "a"}),
    "openai": ("/v1/audio/music", {"prompt": "a"}),
}


def told(vendor: str, answer) -> str:
    """The code of an error, where that vendor's client finds it."""
    found = answer.json()
    match vendor:
        case "elevenlabs" if answer.status_code == 422:
            return found["detail"][0]["type"]
        case "elevenlabs":
            return found["detail"]["status"]
        case "openai":
            return found["error"]["code"]
        case _:
            return found["code"]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_door_is_closed_by_its_setting(make_service, vendor):
    service = make_service(**{f"{vendor}_routes": False})
    path, body = VENDORS[vendor]
    answer = await service.http.post(path, json=body)
    assert (answer.status_code, told(vendor, answer)) == (404, "not_found")
    assert (await service.queue.list()).jobs == []


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"xi-api-key": "wrong"}])
async def test_nobody_comes_in_without_a_key(make_service, vendor, header):
    service = make_service(api_keys=("right",))
    path, body = VENDORS[vendor]
    answer = await service.http.post(path, json=body, headers=header)
    assert (answer.status_code, told(vendor, answer)) == (401, "unauthorized")
    assert answer.headers["www-authenticate"]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "malformed_body"),
        (b"{}" + b" " * 2_000_000, {}, 413, "body_too_large"),
        (b"x", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b'{"colour": "blue"}', {}, 422, "invalid_request"),
    ],
)
async def test_errors_come_in_the_vendors_shape(service, vendor, content, headers, status, code):
    path, _ = VENDORS[vendor]
    headers = {"Content-Type": "application/json"} | headers
    answer = await service.http.post(path, content=content, headers=headers)
    assert (answer.status_code, told(vendor, answer)) == (status, code)


async def test_a_query_that_is_misspelt_is_refused(service):
    answer = await service.http.post("/v1/music?format=mp3_44100_128", json={"prompt": "a"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "format"]


async def test_the_key_of_elevenlabs_clients_names_the_tenant(make_service):
    service = make_service(api_keys=("right",))
    asking = service.http.post("/v1/music", json={"prompt": "a"}, headers={"xi-api-key": "right"})
    job_id, answer = await _made(service, asking)
    assert answer.status_code == 200
    assert answer.headers["song-id"] == job_id
    mine = await service.http.get("/jobs", headers={"Authorization": "Bearer right"})
    assert [job["id"] for job in mine.json()["jobs"]] == [job_id]


async def test_the_file_of_a_tenants_prediction_needs_no_key_for_an_hour(make_service):
    service = make_service(api_keys=("right",))
    key = {"Authorization": "Bearer right"}
    path, body = VENDORS["replicate"]
    made = (await service.http.post(path, json=body, headers=key)).json()
    await service.play()
    url = (await service.http.get(made["urls"]["get"], headers=key)).json()["output"]
    assert (await service.http.get(url)).status_code == 200
    assert (await service.http.get(url.partition("?")[0])).status_code == 401
    assert (await service.http.get(made["urls"]["get"])).status_code == 401


async def test_a_prediction_is_nobody_elses(make_service):
    service = make_service(api_keys=("right", "other"))
    path, body = VENDORS["replicate"]
    made = (await service.http.post(path, json=body, headers={"Authorization": "Bearer right"})).json()
    for method, url in [("GET", made["urls"]["get"]), ("POST", made["urls"]["cancel"])]:
        answer = await service.http.request(method, url, headers={"Authorization": "Bearer other"})
        assert answer.status_code == 404
    listed = await service.http.get(path, headers={"Authorization": "Bearer other"})
    assert listed.json()["results"] == []


@pytest.mark.parametrize("prefer", ["wait=0", "wait=61", "wait=soon", "wait=-1"])
async def test_a_wait_that_nobody_can_keep_is_refused(service, prefer):
    path, body = VENDORS["replicate"]
    answer = await service.http.post(path, json=body, headers={"Prefer": prefer})
    assert (answer.status_code, answer.json()["param"]) == (422, "Prefer")


async def test_what_replicates_client_may_ask_for_and_nobody_does_is_refused(service):
    path, body = VENDORS["replicate"]
    later = await service.http.post(path, json=body, headers={"Cancel-After": "5m"})
    assert (later.status_code, later.json()["param"]) == (422, "Cancel-After")
    filtered = await service.http.post(path, json=body | {"webhook_events_filter": ["start"]})
    assert (filtered.status_code, filtered.json()["param"]) == (422, "webhook_events_filter")


async def test_a_failed_prediction_says_why(service):
    path, body = VENDORS["replicate"]
    made = (await service.http.post(path, json=body)).json()
    claim = await service.claim()
    error = {"code": "bad_song", "detail": "the song is silent", "retryable": False}
    await service.queue.fail(claim, error, retry=False)
    now = (await service.http.get(made["urls"]["get"])).json()
    assert (now["status"], now["error"]) == ("failed", "the song is silent")
    text = (await service.http.get(made["urls"]["stream"])).text
    assert "event: error\ndata: the song is silent" in text
    assert json.dumps({"reason": "error"}) in text


async def _made(service, asking):
    """The job that a request waits for, made meanwhile, and the answer."""
    import asyncio

    task = asyncio.create_task(asking)
    claim = await service.claim()
    await service.finish(claim)
    return claim.job_id, await task
