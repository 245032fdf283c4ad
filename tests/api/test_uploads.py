"""Sound that clients bring: kept, listened to, taken back; and what is refused on the way."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from muscgen.artifacts import is_upload_of, upload_expires_at
from muscgen.errors import JobNotFound
from muscgen.intake import confined
from muscgen.jobs.keys import born_at, new_job_id
from muscgen.models.registry import Registry
from muscgen.worker.main import owns

from .conftest import MODEL, SONG, assert_problem

ABLE = "able"
CONSENT = {"input_audio_consent": {"basis": "licensed", "reference": "contract 7"}}


def sound(seconds=1.0, channels=1, kind="WAV"):
    out = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(round(16_000 * seconds)) * 0.05)
    soundfile.write(out, np.stack([tone] * channels, 1), 16_000, format=kind)
    return out.getvalue()


TONE = sound(3.0)
KEYS = {"api_keys": ("one", "two")}


def key(name):
    return {"Authorization": f"Bearer {name}"}


@pytest.fixture
def make_able(make_service, tmp_path):
    """Services with a second model, which listens."""

    def make(rules=None, **settings):
        service = make_service(rules, **settings)
        registry = Registry(tmp_path / "none")
        card = registry.get(MODEL)
        listens = replace(card, id=ABLE, modes=(*card.modes, "melody"))
        registry._cards = {**registry._cards, ABLE: listens}
        service.app.state.house = replace(service.app.state.house, registry=registry)
        return service

    return make


@pytest.fixture
def able(make_able):
    return make_able()


async def upload(service, content=TONE, kind="audio/wav", **headers):
    return await service.http.post("/artifacts", content=content, headers={"Content-Type": kind} | headers)


async def artifact(service, content=TONE, **headers):
    answer = await upload(service, content, **headers)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def wish(artifact_id, role="melody", **fields):
    mode = "melody" if role == "melody" else "continuation"
    body = {"model": ABLE, "mode": mode, "duration": 5.0, "rights": CONSENT}
    return body | {"conditioning": {role: {"artifact_id": artifact_id}}} | fields


async def test_a_file_becomes_an_artifact_that_says_what_it_is(service):
    answer = await upload(service)
    digest = hashlib.sha256(TONE).hexdigest()
    kept = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/artifacts/{digest}")
    assert kept.pop("expires_at").endswith("Z")
    assert kept == {
        "id": digest, "sha256": digest, "url": f"/artifacts/{digest}", "content_type": "audio/wav",
        "bytes": len(TONE), "duration": 3.0, "sample_rate": 16_000, "channels": 1, "credentials": None,
    }  # fmt: skip
    assert (await service.http.get(kept["url"])).content == TONE


async def test_what_the_client_calls_it_does_not_matter(service):
    kept = (await upload(service, sound(kind="FLAC"), "audio/x-whatever; charset=x")).json()
    assert kept["content_type"] == "audio/flac"
    assert (await upload(service, sound(kind="MP3"), "application/octet-stream")).status_code == 201


async def test_a_form_is_taken_too(service):
    answer = await service.http.post("/artifacts", files={"file": ("a.wav", TONE, "audio/wav")})
    assert (answer.status_code, answer.json()["id"]) == (201, hashlib.sha256(TONE).hexdigest())


async def test_the_same_file_again_is_the_same_artifact_kept_anew(service):
    first, second = await upload(service), await upload(service)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    owners = service.store.owners(first.json()["id"])
    (owner,) = owners
    assert is_upload_of(owner, "")
    assert upload_expires_at(owner) == pytest.approx(time.time() + 86_400, abs=20)


async def test_no_file_of_an_upload_is_left_beside_the_store(service, tmp_path):
    await upload(service)
    await upload(service, b"no music" * 1_000)
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in files if path.name != ".lock") == [".json", ".wav"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code", "param"),
    [
        (b"no music" * 100, "audio/wav", 422, "unreadable_audio", "file"),
        (b"", "audio/wav", 422, "unreadable_audio", "file"),
        (TONE, "text/plain", 415, "unsupported_media_type", "Content-Type"),
        (TONE, "application/json", 415, "unsupported_media_type", "Content-Type"),
        (TONE, "multipart/form-data", 400, "malformed_body", "Content-Type"),
        (TONE, "multipart/form-data; boundary=x", 400, "malformed_body", None),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400, "malformed_body", None),
    ],
)
async def test_what_is_no_sound_is_refused(service, content, kind, status, code, param):
    assert_problem(await upload(service, content, kind), status, code, param)


async def test_a_form_has_one_part_named_file(service):
    for files, param in (
        ({"song": TONE}, "song"),
        ([("file", TONE), ("file", TONE)], "file"),
    ):
        assert_problem(await service.http.post("/artifacts", files=files), 422, "invalid_request", param)
    empty = b"--x--\r\n"
    answer = await upload(service, empty, "multipart/form-data; boundary=x")
    assert_problem(answer, 422, "invalid_request", "file")


async def test_a_body_beyond_the_limit_is_refused_while_it_comes(make_service):
    service = make_service(max_upload_bytes=50_000, max_body_bytes=20_000)
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(1_000):
            sent += 10_000
            yield b"x" * 10_000

    for kind in ("audio/wav", "multipart/form-data; boundary=x"):
        sent = 0
        head = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' if "multi" in kind else b""

        async def body(head=head):
            yield head
            async for chunk in endless():
                yield chunk

        answer = await upload(service, body(), kind)
        assert_problem(answer, 413, "body_too_large", "file")
        assert sent <= 90_000
    announced = await upload(service, b"x" * 100_000)
    assert_problem(announced, 413, "body_too_large")
    assert (await upload(service, sound(1.0))).status_code == 201


async def test_other_bodies_keep_their_own_limit(make_service):
    service = make_service(max_upload_bytes=50_000, max_body_bytes=2_000)
    assert_problem(await service.post(metadata={"a": "x" * 3_000}), 413, "body_too_large")
    parts = {"request": "x" * 3_000}
    answer = await service.http.post("/generate", files={"request": (None, parts["request"])})
    assert_problem(answer, 413, "body_too_large", "request")


async def test_a_sound_beyond_the_limit_is_refused(make_service):
    service = make_service(max_upload_s=2.0)
    problem = assert_problem(await upload(service), 422, "unreadable_audio", "file")
    assert "longer than 2 s" in problem["detail"]


async def test_a_decoder_that_dies_takes_nothing_with_it(service, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import os; os.kill(os.getpid(), 11)")
    with monkeypatch.context() as patch:
        patch.setattr(confined, "CHILD", child)
        answers = await asyncio.gather(*(upload(service) for _ in range(5)))
    for answer in answers:
        assert "cannot survive" in assert_problem(answer, 422, "unreadable_audio", "file")["detail"]
    assert (await upload(service)).status_code == 201


async def test_an_upload_is_taken_back_by_its_uploader(service):
    kept = await artifact(service)
    assert (await service.http.delete(kept["url"])).status_code == 204
    for method in ("GET", "DELETE"):
        answer = await service.http.request(method, kept["url"])
        assert_problem(answer, 404, "artifact_not_found", "id")


async def test_a_song_of_a_job_is_no_upload(service):
    await service.job()
    answer = await service.http.delete(f"/artifacts/{await service.play()}")
    assert_problem(answer, 409, "not_an_upload", "id")


async def test_one_tenant_neither_sees_nor_uses_nor_deletes_anothers_upload(make_able):
    service = make_able(**KEYS)
    kept = await artifact(service, **key("one"))
    for method in ("GET", "HEAD", "DELETE"):
        answer = await service.http.request(method, kept["url"], headers=key("two"))
        assert answer.status_code == 404
    answer = await service.http.post("/generate", json=wish(kept["id"]), headers=key("two"))
    assert_problem(answer, 422, "invalid_request", "conditioning.melody.artifact_id")
    assert (await service.http.get(kept["url"], headers=key("one"))).status_code == 200
    assert (await upload(service)).status_code == 401


async def test_both_who_brought_a_file_have_it(make_service):
    service = make_service(**KEYS)
    kept = await artifact(service, **key("one"))
    assert (await upload(service, **key("two"))).status_code == 201
    await service.http.delete(kept["url"], headers=key("one"))
    assert (await service.http.get(kept["url"], headers=key("one"))).status_code == 404
    assert (await service.http.get(kept["url"], headers=key("two"))).content == TONE


@pytest.mark.parametrize("role", ["melody", "prompt_audio"])
async def test_a_job_owns_what_it_listens_to(able, role):
    kept = await artifact(able)
    answer = await able.http.post("/generate", json=wish(kept["id"], role))
    job = answer.json()
    assert answer.status_code == 202, answer.text
    assert job["request"]["conditioning"][role]["end"] == 3.0
    consent = job["request"]["rights"]["input_audio_consent"]
    assert CONSENT["input_audio_consent"].items() <= consent.items()
    await able.http.delete(kept["url"])
    assert able.store.owners(kept["id"]) == {job["id"]}
    assert await owns(able.queue, job["id"])
    again = await able.http.post("/generate", json=job["request"])
    assert again.json()["request"] == job["request"]


async def test_a_job_that_is_about_to_be_one_owns_already(service, monkeypatch):
    owner = new_job_id(MODEL)
    assert born_at(owner) == pytest.approx(time.time(), abs=5)
    with pytest.raises(JobNotFound):  # not expired, nor anything else
        await service.queue.get(owner)
    assert await service.queue.holder(owner) is None
    assert await owns(service.queue, owner), f"it is {time.time()}, and {owner} of {born_at(owner)}"
    later = time.time() + 400
    monkeypatch.setattr(time, "time", lambda: later)
    assert not await owns(service.queue, owner)
    assert not await owns(service.queue, "nobody")


async def test_an_upload_is_owned_until_its_time_is_over(make_service):
    service = make_service(upload_ttl_s=60)
    (owner,) = service.store.owners((await artifact(service))["id"])
    assert await owns(service.queue, owner)
    assert not await owns(service.queue, owner.replace(owner.rpartition("_")[2][:10], "0" * 10))


async def test_a_job_that_is_refused_owns_nothing(make_able):
    service = make_able({"max_depth": 1})
    kept = await artifact(service)
    owners = service.store.owners(kept["id"])
    first = await service.http.post("/generate", json=wish(kept["id"]))
    refused = await service.http.post("/generate", json=wish(kept["id"]))
    assert_problem(refused, 429, "queue_full")
    assert service.store.owners(kept["id"]) == owners | {first.json()["id"]}


async def test_a_request_is_found_again_by_its_key(able):
    kept = await artifact(able)
    headers = {"Idempotency-Key": "k"}
    first, second = [
        await able.http.post("/generate", json=wish(kept["id"]), headers=headers) for _ in range(2)
    ]
    assert first.json()["id"] == second.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


async def test_an_earlier_song_needs_no_consent_and_an_upload_does(able):
    kept = await artifact(able)
    for role in ("melody", "prompt_audio"):
        answer = await able.http.post("/generate", json=wish(kept["id"], role, rights={}))
        assert_problem(answer, 422, "consent_missing", "rights.input_audio_consent")
    assert (await able.http.post("/generate", json=wish(kept["id"]))).status_code == 202
    answer = await able.http.post("/generate", json=wish(kept["id"], rights={}))
    assert_problem(
        answer, 422, "consent_missing", "rights.input_audio_consent"
    )  # a user of it did not make it
    await able.job()
    song = await able.play(SONG)
    answer = await able.http.post("/generate", json=wish(song, rights={}))
    assert answer.status_code == 202, answer.text


async def test_a_file_nobody_knows_is_named(able):
    answer = await able.http.post("/generate", json=wish("0" * 64))
    assert_problem(answer, 422, "invalid_request", "conditioning.melody.artifact_id")


async def test_a_model_that_does_not_listen_names_those_that_do(able):
    answer = await able.http.post("/generate", json=wish("0" * 64, model=MODEL))
    assert (
        "models here that have it: able"
        in assert_problem(answer, 422, "invalid_request", "mode")["suggestion"]
    )


@pytest.mark.parametrize("role", ["melody", "prompt_audio"])
async def test_sound_may_come_with_the_request(able, role):
    body = wish("", role)
    body["conditioning"] = {role: {"start": 0.5}}
    files = {"request": (None, json.dumps(body), "application/json"), role: ("a.mp3", TONE, "audio/mpeg")}
    answer = await able.http.post("/generate", files=files)
    clip = answer.json()["request"]["conditioning"][role]
    assert answer.status_code == 202, answer.text
    assert (clip["artifact_id"], clip["start"], clip["end"]) == (hashlib.sha256(TONE).hexdigest(), 0.5, 3.0)


async def test_a_file_that_came_with_a_refused_request_is_not_kept(able):
    files = {"request": (None, json.dumps(wish("", conditioning={}, rights={}))), "melody": ("a", TONE)}
    assert_problem(
        await able.http.post("/generate", files=files), 422, "consent_missing", "rights.input_audio_consent"
    )
    digest = hashlib.sha256(TONE).hexdigest()
    assert (await able.http.get(f"/artifacts/{digest}")).status_code == 404
    await upload(able)
    await able.http.post("/generate", files=files)
    assert (await able.http.get(f"/artifacts/{digest}")).status_code == 200  # it was there before


@pytest.mark.parametrize(
    ("parts", "code", "param"),
    [
        ({"melody": TONE}, "invalid_request", "request"),
        ({"request": json.dumps(wish("0" * 64)), "melody": TONE}, "invalid_request",
         "conditioning.melody.artifact_id"),
        ({"request": json.dumps(wish("", conditioning={})), "melody": b"?"}, "unreadable_audio",
         "conditioning.melody"),
        ({"request": "{}", "drums": TONE}, "invalid_request", "drums"),
    ],
)  # fmt: skip
async def test_parts_that_do_not_go_together_are_refused(able, parts, code, param):
    files = {name: (None, part) for name, part in parts.items()}
    assert_problem(await able.http.post("/generate", files=files), 422, code, param)


async def test_a_part_that_is_no_json_is_malformed(able):
    answer = await able.http.post("/generate", files={"request": (None, "{"), "melody": ("a", TONE)})
    assert_problem(answer, 400, "malformed_body")
