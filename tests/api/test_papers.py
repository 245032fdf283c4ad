"""Receipts and credentials over HTTP: to whom a song is, and to nobody else."""

from __future__ import annotations

from muscgen.artifacts.companions import CREDENTIALS, RECEIPT

from .conftest import assert_problem

KEYS = {"api_keys": ("one", "two")}
PROVENANCE = {
    "c2pa": "sidecar",
    "receipt": True,
    "signer": {"organization": "Acme", "fingerprint": "ab" * 32, "development": False},
    "off": ["watermark"],
}


def key(name):
    return {"Authorization": f"Bearer {name}"}


async def song(service, attached, headers=None, extension="ogg"):
    """A finished song of the asker's with what is attached to it; its job and its artifact."""
    answer = await service.post(headers=headers)
    claim = await service.claim()
    artifact = service.store.put(
        b"OggS song",
        owner=claim.job_id,
        content_type="audio/ogg",
        extension=extension,
        duration_s=4.0,
        sample_rate=32_000,
        channels=1,
    )
    for name, content in attached.items():
        service.store.attach(artifact.id, name, content)
    output = {"index": 0, "seed": 7, "artifact": artifact.to_dict()}
    output |= {"audio_sha256": "cd" * 32, "provenance": PROVENANCE}
    await service.queue.finish(claim, {"outputs": [output], "warnings": [], "usage": {}})
    job = (await service.http.get(answer.headers["location"], headers=headers)).json()
    return job, artifact.id


async def test_a_job_links_what_says_where_its_song_comes_from(service):
    job, _ = await song(service, {CREDENTIALS: b"manifest", RECEIPT: b"{}"})
    (output,) = job["outputs"]
    assert output["audio_sha256"] == "cd" * 32
    found = output["provenance"]
    assert (found["c2pa"], found["signer"]["organization"], found["off"]) == (
        "sidecar",
        "Acme",
        ["watermark"],
    )
    receipt = await service.http.get(found["receipt_url"])
    assert (receipt.status_code, receipt.headers["content-type"]) == (200, "application/json")
    assert receipt.content == b"{}"
    credentials = await service.http.get(found["credentials_url"])
    assert (credentials.content, credentials.headers["content-type"]) == (b"manifest", "application/c2pa")
    for answer in (receipt, credentials):
        again = await service.http.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert (await service.http.head(str(answer.url))).status_code == 200


async def test_readers_of_c2pa_find_a_manifest_that_is_not_in_the_file(service):
    _, artifact = await song(service, {CREDENTIALS: b"manifest"})
    link = f'</artifacts/{artifact}/credentials>; rel="c2pa-manifest"'
    for method in ("GET", "HEAD"):
        answer = await service.http.request(method, f"/artifacts/{artifact}")
        assert answer.headers["link"] == link


async def test_there_is_no_link_to_what_is_not_there(service):
    _, artifact = await song(service, {})
    assert "link" not in (await service.http.get(f"/artifacts/{artifact}")).headers


async def test_what_was_not_attached_is_not_found_in_words(service):
    _, artifact = await song(service, {})
    for what in ("receipt", "credentials"):
        problem = assert_problem(
            await service.http.get(f"/artifacts/{artifact}/{what}"), 404, "not_found", "id"
        )
        assert problem["suggestion"]
        assert_problem(
            await service.http.get(f"/artifacts/{'0' * 64}/{what}"), 404, "artifact_not_found", "id"
        )
        assert_problem(await service.http.get(f"/artifacts/x/{what}"), 404, "artifact_not_found", "id")


async def test_what_is_anothers_is_not_found(make_service):
    service = make_service(**KEYS)
    _, artifact = await song(service, {CREDENTIALS: b"manifest", RECEIPT: b"{}"}, key("one"))
    for what in ("receipt", "credentials"):
        url = f"/artifacts/{artifact}/{what}"
        assert (await service.http.get(url, headers=key("one"))).status_code == 200
        assert_problem(await service.http.get(url, headers=key("two")), 404, "artifact_not_found", "id")
        assert (await service.http.get(url)).status_code == 401


async def test_jobs_of_an_older_version_have_neither(service):
    await service.job()
    await service.play()
    (job,) = (await service.http.get("/jobs")).json()["jobs"]
    assert (job["outputs"][0]["provenance"], job["outputs"][0]["audio_sha256"]) == (None, None)
