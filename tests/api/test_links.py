"""POST /artifacts/{id}/sign, and what its addresses open."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from muscgen.admission import links_of
from muscgen.artifacts import DirectoryStore
from muscgen.settings import load

from .conftest import SONG, assert_problem
from .test_uploads import TONE, artifact, key

KEYS = {"api_keys": ("one", "two")}


@pytest.fixture
def house(make_service):
    return make_service(**KEYS)


async def signed(service, artifact_id, name="one", **body):
    answer = await service.http.post(f"/artifacts/{artifact_id}/sign", json=body, headers=key(name))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_signed_address_needs_no_key(house):
    kept = await artifact(house, **key("one"))
    assert_problem(await house.http.get(kept["url"]), 401, "unauthorized", "Authorization")
    link = await signed(house, kept["id"], expires_in=60)
    left = datetime.fromisoformat(link["expires_at"]).timestamp() - time.time()
    assert left == pytest.approx(60, abs=10)
    answer = await house.http.get(link["url"])
    assert (answer.status_code, answer.content) == (200, TONE)
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert int(answer.headers["cache-control"].split("=")[1].split(",")[0]) <= 60
    part = await house.http.get(link["url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, TONE[4:8])
    assert (await house.http.head(link["url"])).headers["content-length"] == str(len(TONE))


async def test_without_a_body_it_is_good_for_an_hour(house):
    kept = await artifact(house, **key("one"))
    answer = await house.http.post(f"/artifacts/{kept['id']}/sign", headers=key("one"))
    left = datetime.fromisoformat(answer.json()["expires_at"]).timestamp() - time.time()
    assert left == pytest.approx(3_600, abs=10)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_late_or_changed_address_is_403_even_with_a_key(house, monkeypatch):
    kept = await artifact(house, **key("one"))
    url = (await signed(house, kept["id"], expires_in=60))["url"]
    changed = url[:-1] + ("A" if url[-1] != "A" else "B")
    half = url.partition("&")[0]
    for wrong in (changed, half, f"{kept['url']}?signature=x", f"{kept['url']}?expires=x&signature="):
        for headers in ({}, key("one")):
            assert_problem(await house.http.get(wrong, headers=headers), 403, "link_refused", "signature")
    # Nor does it tell whether there is such a file.
    nobodys = changed.replace(kept["id"], "0" * 64)
    assert_problem(await house.http.get(nobodys), 403, "link_refused", "signature")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert_problem(await house.http.get(url), 403, "link_refused", "expires")


async def test_only_ones_own_files_are_signed(house):
    kept = await artifact(house, **key("one"))
    sign = f"/artifacts/{kept['id']}/sign"
    assert_problem(await house.http.post(sign, headers=key("two")), 404, "artifact_not_found", "id")
    assert_problem(await house.http.post(sign), 401, "unauthorized", "Authorization")
    answer = await house.http.post(f"/artifacts/{'0' * 64}/sign", headers=key("one"))
    assert_problem(answer, 404, "artifact_not_found", "id")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 604_801}, "expires_in"),
        ({"expires_in": 1.5}, "expires_in"),
        ({"expires_in": "60"}, "expires_in"),
        ({"expires": 60}, "expires"),
        ({"expires_in": None}, "expires_in"),
    ],
)
async def test_bounds_are_named(house, body, param):
    kept = await artifact(house, **key("one"))
    answer = await house.http.post(f"/artifacts/{kept['id']}/sign", json=body, headers=key("one"))
    assert_problem(answer, 422, "invalid_request", param)


async def test_an_address_ends_with_the_right_it_stands_for(house):
    kept = await artifact(house, **key("one"))
    await artifact(house, **key("two"))
    link = await signed(house, kept["id"])
    await house.http.delete(kept["url"], headers=key("one"))
    assert (await house.http.get(kept["url"], headers=key("two"))).status_code == 200
    assert_problem(await house.http.get(link["url"]), 404, "artifact_not_found", "id")


async def test_a_song_is_signed_and_goes_with_its_job(make_service):
    service = make_service()
    job = await service.job()
    artifact_id = await service.play()
    url = (await service.http.post(f"/artifacts/{artifact_id}/sign")).json()["url"]
    assert (await service.http.get(url)).content == SONG
    await service.http.delete(f"/jobs/{job['id']}")
    assert_problem(await service.http.get(url), 404, "artifact_not_found", "id")


async def test_replicas_with_one_key_believe_each_other(make_service):
    services = [make_service(link_keys=("11" * 32,), **KEYS) for _ in range(2)]
    services[1].app.state.house.queue.prefix = services[0].queue.prefix
    kept = await artifact(services[0], **key("one"))
    link = await signed(services[0], kept["id"])
    assert (await services[1].http.get(link["url"])).status_code == 200


async def test_a_bucket_hands_the_file_out_itself_where_the_settings_say_so(make_service, monkeypatch):
    service = make_service(artifacts_url="s3://bucket", artifacts_redirect=True, **KEYS)
    asked = []

    def direct_url(_, artifact_id, expires_in_s):
        asked.append(expires_in_s)
        return f"https://bucket.example/{artifact_id}?X-Amz-Signature=1"

    monkeypatch.setattr(DirectoryStore, "direct_url", direct_url)
    kept = await artifact(service, **key("one"))
    link = await signed(service, kept["id"], expires_in=60)
    for url, headers in ((kept["url"], key("one")), (link["url"], {})):
        answer = await service.http.get(url, headers=headers)
        assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
        assert answer.headers["location"] == f"https://bucket.example/{kept['id']}?X-Amz-Signature=1"
        assert (await service.http.head(url, headers=headers)).status_code == 200
    assert asked[0] == 300
    assert 50 <= asked[1] <= 60
    assert (await service.http.get(kept["url"], headers=key("two"))).status_code == 404


def test_only_a_bucket_can_be_sent_to(monkeypatch):
    with pytest.raises(Exception, match="only a bucket"):
        load({"MUSCGEN_ARTIFACTS_REDIRECT": "true"})
    assert load({"MUSCGEN_ARTIFACTS_REDIRECT": "1", "MUSCGEN_ARTIFACTS_URL": "s3://b"}).artifacts_redirect


def test_keys_may_come_as_a_list(tmp_path):
    settings = load({"MUSCGEN_LINK_KEYS": f"{'11' * 32}, {'22' * 32}", "MUSCGEN_HOME": str(tmp_path)})
    assert len(settings.link_keys) == 2
    links_of(settings.link_keys, settings.link_path)
