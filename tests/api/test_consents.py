"""By what right a sound is used: told, named, inherited, covered, taken back."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import soundfile

from muscgen.audit.chain import lines
from muscgen.audit.segments import segments
from muscgen.jobs.apikeys import ApiKeys
from muscgen.request import ConsentRecord

from .conftest import MODEL, assert_problem

PARAM = "rights.input_audio_consent"


def sound(pitch=0.05, seconds=3.0):
    out = io.BytesIO()
    soundfile.write(out, 0.3 * np.sin(np.arange(round(16_000 * seconds)) * pitch), 16_000, format="WAV")
    return out.getvalue()


TONE = sound()


async def upload(service, content=TONE, headers=None):
    answer = await service.http.post(
        "/artifacts", content=content, headers={"Content-Type": "audio/wav"} | (headers or {})
    )
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


async def consent(service, headers=None, **fields):
    answer = await service.http.post("/consents", json={"basis": "licensed"} | fields, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def go_on(service, artifact, told, headers=None, rights=None, **fields):
    """A song that goes on from an artifact, by a consent."""
    rights = (rights or {}) | ({} if told is None else {"input_audio_consent": told})
    wish = {
        "model": MODEL,
        "mode": "continuation",
        "duration": 6.0,
        "seed": 7,
        "conditioning": {"prompt_audio": {"artifact_id": artifact}},
        "rights": rights,
    }
    return await service.http.post("/generate", json=wish | fields, headers=headers)


async def made_with(service, consent_id, **query):
    answer = await service.http.get(f"/consents/{consent_id}/made", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["made"]


def audited(service, kind):
    path = service.app.state.house.settings.audit_path
    return [line for line in lines(segments(path)) if line.kind == kind]


async def test_a_consent_is_kept_as_it_was_made_and_its_hash_can_be_computed_by_anyone(service):
    asked = {
        "basis": "licensed",
        "reference": "contract 7",
        "scope": {"models": [MODEL], "uses": ["research"]},
    }
    made = await consent(service, **asked)
    again = (await service.http.get(f"/consents/{made['id']}")).json()
    assert again == made
    assert (again["standing"], again["scope"]["models"], again["inline"]) == ("valid", [MODEL], False)
    fields = {name: again[name] for name in ConsentRecord.model_fields}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == again["sha256"]
    [line] = audited(service, "consent")
    assert (line.what["consent"], line.what["sha256"]) == (again["id"], again["sha256"])
    assert "contract 7" not in line.text()


async def test_a_job_goes_by_a_consent_that_it_names_and_shows_its_hash(service):
    artifact, made = await upload(service), await consent(service, reference="contract 7")
    job = (await go_on(service, artifact, {"id": made["id"]})).json()
    assert job["request"]["rights"]["input_audio_consent"] == {
        "id": made["id"],
        "basis": "licensed",
        "reference": "contract 7",
        "sha256": made["sha256"],
    }
    again = await service.http.post("/generate", json=job["request"])  # an echo can be posted again
    assert again.json()["request"] == job["request"]


async def test_a_consent_told_in_a_request_becomes_a_record_and_the_same_words_the_same_one(service):
    artifact = await upload(service)
    told = {"basis": "own", "reference": "my song"}
    first = (await go_on(service, artifact, told)).json()["request"]["rights"]["input_audio_consent"]
    second = (await go_on(service, artifact, told, seed=8)).json()["request"]["rights"]["input_audio_consent"]
    assert first == second
    [listed] = (await service.http.get("/consents")).json()["consents"]
    assert (listed["id"], listed["inline"], listed["scope"]["inputs"]) == (first["id"], True, [artifact])
    assert len(audited(service, "consent")) == 1
    other = (await go_on(service, await upload(service, sound(0.07)), told)).json()
    assert other["request"]["rights"]["input_audio_consent"]["id"] != first["id"]


SCOPES = [
    ({"models": ["another"]}, {}, PARAM, "model"),
    ({"uses": ["research"]}, {}, PARAM, "noncommercial"),
    ({"uses": ["noncommercial"]}, {"rights": {"intended_use": "commercial"}}, PARAM, "commercial"),
    ({"inputs": ["0" * 64]}, {}, PARAM, "input"),
]


@pytest.mark.parametrize(("scope", "changes", "param", "word"), SCOPES)
async def test_a_use_beyond_the_scope_is_refused_by_name(service, scope, changes, param, word):
    artifact, made = await upload(service), await consent(service, scope=scope)
    answer = await go_on(service, artifact, {"id": made["id"]}, **changes)
    problem = assert_problem(answer, 403, "consent_refused", answer.json()["param"])
    assert word in problem["detail"]
    assert await made_with(service, made["id"]) == []


async def test_a_use_within_the_scope_is_taken(service):
    artifact = await upload(service)
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    scope = {"models": [MODEL], "uses": ["noncommercial"], "inputs": [artifact], "until": until}
    made = await consent(service, scope=scope)
    assert (await go_on(service, artifact, {"id": made["id"]})).status_code == 202


async def test_a_consent_ends_when_it_said(service, monkeypatch):
    artifact = await upload(service)
    until = datetime.now(UTC) + timedelta(hours=1)
    made = await consent(service, scope={"until": until.isoformat()})
    monkeypatch.setattr("muscgen.admission.consents.time.time", lambda: until.timestamp() + 1)
    answer = await go_on(service, artifact, {"id": made["id"]})
    assert "ended" in assert_problem(answer, 403, "consent_refused", PARAM)["detail"]
    assert (await service.http.get(f"/consents/{made['id']}")).json()["standing"] == "ended"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "basis"),
        ({"basis": "stolen"}, "basis"),
        ({"basis": "own", "scop": {}}, "scop"),
        ({"basis": "own", "scope": {"use": ["research"]}}, "scope.use"),
        ({"basis": "own", "scope": {"models": []}}, "scope.models"),
        ({"basis": "own", "scope": {"inputs": ["abc"]}}, "scope.inputs.0"),
        ({"basis": "own", "scope": {"until": "2020-01-01T00:00:00Z"}}, "scope.until"),
        ({"basis": "own", "scope": {"until": "2999-01-01T00:00:00"}}, "scope.until"),
        ({"basis": "own", "scope": {"sensitive": ["taste"]}}, "scope.sensitive.0"),
        ({"basis": "own", "statement": {"jws": "no"}}, "statement.jws"),
    ],
)
async def test_a_consent_that_says_it_wrongly_is_refused_by_field(service, body, param):
    problem = assert_problem(
        await service.http.post("/consents", json=body),
        422,
        "invalid_request" if "jws" not in param else "statement_invalid",
        param,
    )
    assert problem["detail"]
    assert (await service.http.get("/consents")).json()["consents"] == []


@pytest.mark.parametrize(
    ("told", "param"),
    [
        ({"id": f"consent_{'0' * 32}"}, f"{PARAM}.id"),
        ({"id": "7"}, f"{PARAM}.id"),
        ({"reference": "only"}, PARAM),
        ({"basis": "own", "sha256": "0" * 64}, PARAM),
    ],
)
async def test_a_consent_that_is_none_is_refused(service, told, param):
    assert_problem(await go_on(service, await upload(service), told), 422, "invalid_request", param)


@pytest.mark.parametrize("other", [{"basis": "cc"}, {"reference": "else"}, {"sha256": "0" * 64}])
async def test_what_is_said_beside_the_id_must_agree(service, other):
    artifact, made = await upload(service), await consent(service)
    answer = await go_on(service, artifact, {"id": made["id"]} | other)
    assert_problem(answer, 422, "invalid_request", f"{PARAM}.{next(iter(other))}")


async def test_what_was_made_is_listed_by_job_page_by_page(service):
    artifact, made = await upload(service), await consent(service)
    jobs = [(await go_on(service, artifact, {"id": made["id"]}, seed=seed)).json()["id"] for seed in range(3)]
    assert [use["job"] for use in await made_with(service, made["id"])] == jobs
    path, seen, cursor = f"/consents/{made['id']}/made", [], None
    for _ in range(3):
        page = (
            await service.http.get(path, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [use["job"] for use in page["made"]]
        cursor = page["next_cursor"]
    assert seen == jobs
    assert_problem(await service.http.get(path, params={"cursor": "x"}), 422, "invalid_request", "cursor")


async def test_what_is_refused_or_found_again_is_not_listed_as_made(make_service):
    service = make_service({"max_depth": 1})
    artifact, made = await upload(service), await consent(service)
    key = {"Idempotency-Key": "k"}
    job = (await go_on(service, artifact, {"id": made["id"]}, headers=key)).json()["id"]
    assert (await go_on(service, artifact, {"id": made["id"]}, headers=key)).json()["id"] == job
    assert (await go_on(service, artifact, {"id": made["id"]}, seed=8)).status_code == 429
    assert [use["job"] for use in await made_with(service, made["id"])] == [job]


async def revoke(service, consent_id, headers=None, **fields):
    return await service.http.post(f"/consents/{consent_id}/revoke", json=fields, headers=headers)


async def test_a_revoked_consent_begins_nothing_and_lists_what_it_was_used_for(service):
    artifact, made = await upload(service), await consent(service)
    job = (await go_on(service, artifact, {"id": made["id"]})).json()["id"]
    answer = (await revoke(service, made["id"], reason="changed my mind")).json()
    assert (answer["standing"], answer["revoked_reason"]) == ("revoked", "changed my mind")
    assert [use["job"] for use in answer["made"]] == [job]
    assert answer["sha256"] == made["sha256"]
    for seed in (7, 8):
        refused = await go_on(service, artifact, {"id": made["id"]}, seed=seed)
        assert_problem(refused, 403, "consent_revoked", PARAM)
    assert len(await made_with(service, made["id"])) == 1
    again = (await revoke(service, made["id"], reason="twice")).json()
    assert (again["revoked_at"], again["revoked_reason"]) == (answer["revoked_at"], "changed my mind")
    assert audited(service, "revoke")[0].what["consent"] == made["id"]
    assert "changed my mind" not in audited(service, "revoke")[0].text()


async def test_revoking_needs_no_body(service):
    made = await consent(service)
    assert (await service.http.post(f"/consents/{made['id']}/revoke")).json()["standing"] == "revoked"


async def test_an_equal_request_is_not_answered_from_the_cache_once_the_consent_is_revoked(service):
    artifact, made = await upload(service), await consent(service)
    await go_on(service, artifact, {"id": made["id"]})
    song = await service.play()
    assert (await go_on(service, artifact, {"id": made["id"]})).json()["cache"] == "hit"
    await revoke(service, made["id"])
    assert_problem(await go_on(service, artifact, {"id": made["id"]}), 403, "consent_revoked", PARAM)
    fresh = await consent(service)
    assert (await go_on(service, artifact, {"id": fresh["id"]})).json()["cache"] == "miss"
    assert (await service.http.get(f"/artifacts/{song}")).status_code == 200  # whoever has it keeps it


async def test_words_that_were_taken_back_do_not_count_again(service):
    artifact, told = await upload(service), {"basis": "own"}
    job = (await go_on(service, artifact, told)).json()
    await revoke(service, job["request"]["rights"]["input_audio_consent"]["id"])
    assert_problem(await go_on(service, artifact, told), 403, "consent_revoked", PARAM)
    fresh = await consent(service, basis="own")
    assert (await go_on(service, artifact, {"id": fresh["id"]})).status_code == 202


async def song_made_with(service, made):
    """A song that goes on from the tone, its consent written down as the worker does it."""
    job = (await go_on(service, await upload(service), {"id": made["id"]})).json()
    song = await service.play(SONG)
    await service.app.state.house.consents.use(made["id"], job["id"], [song])
    return song


SONG = sound(0.09, 6.0)


async def test_a_song_goes_by_what_it_was_made_with(service):
    made = await consent(service, scope={"inputs": [artifact_of(TONE)]})
    song = await song_made_with(service, made)
    second = (await go_on(service, song, None, duration=9.0)).json()
    assert second["request"]["rights"]["input_audio_consent"]["sha256"] == made["sha256"]
    again = await service.http.post("/generate", json=second["request"])
    assert again.json()["request"] == second["request"]
    await revoke(service, made["id"])
    for told in (None, {"basis": "own"}, {"id": (await consent(service))["id"]}):
        refused = await go_on(service, song, told, duration=9.0, seed=9)
        assert_problem(refused, 403, "consent_revoked", PARAM)


async def test_a_song_that_is_brought_again_as_a_file_still_goes_by_what_it_was_made_with(service):
    made = await consent(service)
    song = await song_made_with(service, made)
    assert await upload(service, SONG) == song
    assert (await go_on(service, song, {"basis": "own"}, duration=9.0)).status_code == 202
    await revoke(service, made["id"])
    refused = await go_on(service, song, {"basis": "own"}, duration=9.0, seed=9)
    assert_problem(refused, 403, "consent_revoked", PARAM)


async def test_no_other_tenant_saves_a_song_whose_consent_was_revoked(make_service):
    service = make_service(api_keys=("one", "two"))
    mine, theirs = [{"Authorization": f"Bearer {key}"} for key in ("one", "two")]
    made = await consent(service, headers=mine)
    await service.app.state.house.consents.use(made["id"], "job_of_another_time", [artifact_of(SONG)])
    song = await upload(service, SONG, headers=theirs)
    assert (await go_on(service, song, {"basis": "own"}, duration=9.0, headers=theirs)).status_code == 202
    await revoke(service, made["id"], headers=mine)
    refused = await go_on(service, song, {"basis": "own"}, duration=9.0, seed=9, headers=theirs)
    problem = assert_problem(refused, 403, "consent_revoked", PARAM)
    assert made["id"] not in problem["detail"]


def artifact_of(content):
    return hashlib.sha256(content).hexdigest()


async def test_a_song_of_words_alone_goes_on_without_any_consent(service):
    await service.post()
    song = await service.play(sound(0.09, 4.0))
    job = (await go_on(service, song, None)).json()
    assert job["request"]["rights"]["input_audio_consent"] is None


async def test_voices_are_refused_until_the_operator_takes_them_on(service):
    artifact, made = await upload(service), await consent(service, scope={"sensitive": ["voice"]})
    refused = await go_on(service, artifact, {"id": made["id"]}, rights={"sensitive": ["voice"]})
    assert_problem(refused, 403, "consent_refused", "rights.sensitive")


async def test_a_voice_needs_a_record_that_names_it(make_service):
    service = make_service(sensitive_uses=("voice",))
    artifact, voice = await upload(service), {"sensitive": ["voice"]}
    for told in ({"basis": "own"}, {"id": (await consent(service))["id"]}):
        refused = await go_on(service, artifact, told, rights=voice)
        assert_problem(refused, 403, "consent_refused", "rights.sensitive")
    named = await consent(service, scope=voice)
    job = await go_on(service, artifact, {"id": named["id"]}, rights=voice)
    assert job.status_code == 202
    assert job.json()["request"]["rights"]["sensitive"] == ["voice"]
    other = await go_on(service, artifact, {"id": named["id"]}, rights={"sensitive": ["likeness"]})
    assert_problem(other, 403, "consent_refused", "rights.sensitive")


async def test_a_sensitive_use_of_no_sound_is_refused_rather_than_ignored(make_service):
    service = make_service(sensitive_uses=("voice",))
    answer = await service.post(rights={"sensitive": ["voice"]})
    assert_problem(answer, 422, "invalid_request", "rights.sensitive")


async def test_one_tenant_neither_sees_nor_uses_nor_revokes_anothers_consent(service):
    stored = ApiKeys(service.queue.redis, service.queue.prefix)
    mine, theirs = [{"Authorization": f"Bearer {(await stored.create(tenant))[1]}"} for tenant in ("a", "b")]
    service.app.state.house.keyring._closed = (-5.0, False)
    made = await consent(service, headers=mine)
    assert (await service.http.get("/consents", headers=theirs)).json()["consents"] == []
    for method, path in (("GET", ""), ("GET", "/made"), ("POST", "/revoke")):
        answer = await service.http.request(method, f"/consents/{made['id']}{path}", headers=theirs)
        assert_problem(answer, 404, "consent_not_found", "id")
    artifact = await upload(service, headers=theirs)
    answer = await go_on(service, artifact, {"id": made["id"]}, headers=theirs)
    assert_problem(answer, 422, "invalid_request", f"{PARAM}.id")
    answer = await service.http.get(f"/consents/{made['id']}", headers=mine)
    assert answer.json()["standing"] == "valid"


async def test_keys_that_only_read_make_and_revoke_nothing(service):
    stored = ApiKeys(service.queue.redis, service.queue.prefix)
    header = {"Authorization": f"Bearer {(await stored.create('a', scopes=['read']))[1]}"}
    service.app.state.house.keyring._closed = (-5.0, False)
    answer = await service.http.post("/consents", json={"basis": "own"}, headers=header)
    assert_problem(answer, 403, "forbidden", "Authorization")
    assert (await service.http.get("/consents", headers=header)).status_code == 200


async def test_consents_are_listed_newest_first_page_by_page(service):
    ids = [(await consent(service))["id"] for _ in range(3)]
    first = (await service.http.get("/consents", params={"limit": 2})).json()
    second = (await service.http.get("/consents", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in first["consents"] + second["consents"]] == ids[::-1]
    assert second["next_cursor"] is None


async def test_a_statement_in_a_file_is_kept_by_its_hash(service):
    files = {
        "consent": (None, json.dumps({"basis": "licensed"})),
        "statement": ("contract.pdf", b"I agree.\n", "application/pdf"),
    }
    answer = await service.http.post("/consents", files=files)
    statement = answer.json()["statement"]
    assert (statement["kind"], statement["bytes"], statement["signature"]) == ("file", 9, None)
    assert statement["sha256"] == hashlib.sha256(b"I agree.\n").hexdigest()
    [line] = audited(service, "consent")
    assert line.what["statement_sha256"] == statement["sha256"]


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ({"statement": b"I agree"}, "consent"),
        ({"consent": b'{"basis": "own"}', "signature": b"x"}, "statement"),
        ({"consent": b'{"basis": "own"}', "statement": b"I agree", "public_key": b"x"}, "public_key"),
        ({"consent": b'{"basis": "own"}', "other": b"x"}, "other"),
        ({"consent": b'{"basis": "own", "statement": {"jws": "a.b.c"}}', "statement": b"x"}, "statement.jws"),
    ],
)
async def test_parts_that_do_not_go_together_are_refused(service, files, param):
    answer = await service.http.post("/consents", files=files)
    assert answer.status_code == 422
    assert answer.json()["param"] == param


async def test_a_full_disk_refuses_consents_and_lets_them_be_revoked(make_service, tmp_path):
    service = make_service()
    made = await consent(service)
    (tmp_path / "audit" / ".lock").unlink()
    for path in (tmp_path / "audit").iterdir():
        path.unlink()
    (tmp_path / "audit").rmdir()
    (tmp_path / "audit").write_text("no folder")
    answer = await service.http.post("/consents", json={"basis": "own"})
    assert_problem(answer, 503, "audit_unavailable")
    assert_problem(await revoke(service, made["id"]), 503, "audit_unavailable")
    assert (await service.http.get(f"/consents/{made['id']}")).json()["standing"] == "revoked"
