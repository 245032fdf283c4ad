"""Uploads are asked for their own credentials, and compared with recordings that are not taken."""

from __future__ import annotations

import json

import pytest
from c2pa_files import Studio
from recordings import encoded, mp3, music

from muscgen.errors import ConfigurationError
from muscgen.intake import fingerprint as fingerprints
from muscgen.provenance import keyfolder
from muscgen.rights.recordings import Recording, text_of

from .conftest import assert_problem

TONE = encoded(music(1, 2.0))
STUDIO = Studio()


def says(entry, use, label="cawg.training-mining", **more):
    return {"label": label, "data": {"entries": {entry: {"use": use} | more}}}


async def upload(service, content, kind="audio/wav"):
    return await service.http.post("/artifacts", content=content, headers={"Content-Type": kind})


async def test_what_an_uploads_credentials_say_is_told(service):
    content = STUDIO.signed(TONE, "audio/wav", says("cawg.ai_training", "notAllowed"))
    told = (await upload(service, content)).json()["credentials"]
    assert (told["state"], told["changed"]) == ("valid", False)
    assert told["source_types"] == ["digitalCapture"]
    assert told["training_mining"] == {"cawg.ai_training": {"use": "notAllowed", "constraints": None}}
    assert (await upload(service, TONE)).json()["credentials"] is None


REFUSED = [
    ("inference", says("cawg.ai_inference", "notAllowed"), True),
    ("inference", says("c2pa.ai_inference", "notAllowed", "c2pa.training-mining"), True),
    ("inference", says("cawg.ai_inference", "constrained"), True),
    ("inference", says("cawg.ai_inference", "constrained", constraint_info="CC-BY-4.0"), False),
    ("inference", says("cawg.ai_inference", "allowed"), False),
    ("inference", says("cawg.ai_generative_training", "notAllowed"), False),
    ("any", says("cawg.ai_generative_training", "notAllowed"), True),
    ("any", says("c2pa.data_mining", "notAllowed", "c2pa.training-mining"), True),
    ("keep", says("cawg.ai_inference", "notAllowed"), False),
]


@pytest.mark.parametrize(("policy", "assertion", "refused"), REFUSED)
async def test_a_no_to_this_use_is_honoured_as_the_setting_says(make_service, policy, assertion, refused):
    service = make_service(upload_not_allowed=policy)
    answer = await upload(service, STUDIO.signed(TONE, "audio/wav", assertion))
    if not refused:
        assert answer.status_code == 201, answer.text
        return
    problem = assert_problem(answer, 403, "upload_refused", "file")
    [name] = assertion["data"]["entries"]
    assert name in problem["detail"]
    assert list(service.store._records()) == []


async def test_a_no_of_what_the_file_was_made_of_counts_however_deep_it_lies(service):
    source = STUDIO.signed(TONE, "audio/wav", says("cawg.ai_inference", "notAllowed"))
    mix = STUDIO.signed(encoded(music(2, 2.0)), made_of=source)
    yes = says("cawg.ai_inference", "allowed")
    for content in (mix, Studio("Laundry").signed(encoded(music(3, 2.0)), "audio/wav", yes, made_of=mix)):
        problem = assert_problem(await upload(service, content), 403, "upload_refused", "file")
        assert "cawg.ai_inference is notAllowed" in problem["detail"]
    innocent = STUDIO.signed(TONE, "audio/wav", yes)
    kept = await upload(service, STUDIO.signed(encoded(music(4, 2.0)), made_of=innocent))
    assert kept.status_code == 201, kept.text


async def test_of_several_entries_the_strictest_is_told(make_service):
    source = STUDIO.signed(TONE, "audio/wav", says("cawg.ai_inference", "notAllowed"))
    mix = STUDIO.signed(TONE, "audio/wav", says("cawg.ai_inference", "allowed"), made_of=source)
    told = (await upload(make_service(upload_not_allowed="keep"), mix)).json()["credentials"]
    assert told["training_mining"]["cawg.ai_inference"]["use"] == "notAllowed"


async def test_a_no_counts_in_a_file_that_was_changed_afterwards(service):
    content = bytearray(STUDIO.signed(TONE, "audio/wav", says("cawg.ai_inference", "notAllowed")))
    content[2_000] ^= 1
    assert_problem(await upload(service, bytes(content)), 403, "upload_refused", "file")


@pytest.mark.parametrize("data", [{"entries": ["cawg.ai_inference"]}, {"entries": {"x": "notAllowed"}}, {}])
async def test_credentials_that_make_no_sense_harm_nobody(service, data):
    content = STUDIO.signed(TONE, "audio/wav", {"label": "cawg.training-mining", "data": data})
    assert (await upload(service, content)).json()["credentials"]["training_mining"] == {}


async def test_a_song_of_this_service_may_come_back_whatever_it_says_to_others(service):
    folder = service.app.state.house.settings.signing_path
    keyfolder.create(folder)
    ours = Studio()
    (folder / "root.pem").write_text(ours.anchor)
    content = ours.signed(TONE, "audio/wav", says("cawg.ai_inference", "notAllowed"))
    assert (await upload(service, content)).status_code == 201
    changed = bytearray(content)
    changed[2_000] ^= 1
    assert_problem(await upload(service, bytes(changed)), 403, "upload_refused", "file")


async def test_a_file_in_a_request_is_asked_too_and_nothing_of_it_stays(service):
    content = STUDIO.signed(TONE, "audio/wav", says("cawg.ai_inference", "notAllowed"))
    wish = {"mode": "continuation", "rights": {"input_audio_consent": {"basis": "own"}}}
    files = {"request": (None, json.dumps(wish)), "prompt_audio": ("tone.wav", content)}
    answer = await service.http.post("/generate", files=files)
    assert_problem(answer, 403, "upload_refused", "conditioning.prompt_audio")
    assert list(service.store._records()) == []


@pytest.fixture
def listed(tmp_path):
    """A list with one recording."""
    pytest.importorskip("chromaprint", reason="needs libchromaprint", exc_type=ImportError)
    path, sound = tmp_path / "list.jsonl", tmp_path / "sound.wav"
    sound.write_bytes(encoded(music(3)))
    with sound.open("rb") as file:
        entry = Recording("Their Song", 20.0, fingerprints.fingerprint(file).decode())
    path.write_text(text_of([entry]))
    return path


async def test_a_recording_of_a_block_list_is_refused_by_its_name(make_service, listed):
    service = make_service(blocklists=(listed,))
    problem = assert_problem(
        await upload(service, mp3(music(3)), "audio/mpeg"), 403, "upload_refused", "file"
    )
    assert "Their Song" in problem["detail"]
    assert (await upload(service, encoded(music(4)))).status_code == 201


async def test_no_service_starts_that_would_ignore_a_block_list(make_service, listed, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "chromaprint", None)
    with pytest.raises(ConfigurationError, match="Chromaprint"):
        make_service(blocklists=(listed,))
