"""POST /verify: files of ours, cut, changed and encoded anew, and files of others."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from c2pa_files import Studio

from muscgen.artifacts.companions import CREDENTIALS, RECEIPT
from muscgen.audio import Audio
from muscgen.finishing import png
from muscgen.finishing.encode import decode, encode
from muscgen.finishing.pipeline import finish
from muscgen.intake import confined
from muscgen.jobs.traces import Traces, mark_trace, sound_trace
from muscgen.provenance import receipt
from muscgen.provenance.marks import Mark, marks_of
from muscgen.provenance.origin import Origin
from muscgen.provenance.papers import papers_of
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Ours
from muscgen.request import Output

from .conftest import assert_problem

SOUND = {"Content-Type": "audio/wav"}
NAMES = ("watermark", "credentials", "integrity", "signer", "receipt")
FORMATS = ("wav", "flac", "mp3", "ogg", "opus")


def music(seconds=14.0, rate=32_000):
    dice = np.random.default_rng(4)
    beat = np.exp(-6 * (np.arange(round(seconds * rate)) / rate % 0.4))
    return Audio((0.2 * beat * dice.standard_normal((1, beat.size))).astype(np.float32), rate)


class Maker:
    """Songs as the worker of this service would make them."""

    def __init__(self, service):
        self.service = service
        self.settings = service.app.state.house.settings
        self.papers = papers_of(self.settings)
        self.marks = marks_of((), self.settings.watermark_path)

    async def song(self, encoding="wav", number=7):
        payload = Payload(self.marks.deployment, 1, number)
        origin = Origin("t", "m", "r", payload.hex())
        mark = Mark(Ours(self.marks.secrets), payload)
        finished = finish(music(), Output(format=encoding), {}, mark, self.papers.seal(origin))
        store, queue = self.service.store, self.service.queue
        artifact = store.put(
            finished.content,
            owner="job",
            content_type=finished.content_type,
            extension=encoding,
            duration_s=14.0,
            sample_rate=32_000,
            channels=1,
        )
        words = {
            "artifact": {"sha256": artifact.id, "audio_sha256": finished.sound_sha256},
            "watermark": {"payload": payload.hex()},
            "request": {"prompt": {"sha256": "22" * 32}},
        }
        store.attach(artifact.id, RECEIPT, receipt.signed(words, self.papers.signer))
        if finished.sidecar is not None:
            store.attach(artifact.id, CREDENTIALS, finished.sidecar)
        traces = [sound_trace(finished.sound_sha256), mark_trace(payload.hex())]
        await Traces(queue.redis, queue.prefix).note(traces, artifact.id, artifact.created_at + 60)
        return finished.content, artifact.id


@pytest.fixture
def maker(service):
    return Maker(service)


async def verified(service, content, headers=SOUND):
    answer = await service.http.post("/verify", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    return found["verdict"], {check["name"]: check["result"] for check in found["checks"]}, found


@pytest.mark.parametrize("encoding", FORMATS)
async def test_a_song_of_ours_is_genuine(service, maker, encoding):
    content, artifact = await maker.song(encoding)
    word, checks, found = await verified(service, content)
    assert (word, found["file"]["sha256"]) == ("genuine", artifact)
    assert checks == dict(zip(NAMES, ("found", "present", "intact", "ours", "matches"), strict=True))


@pytest.mark.parametrize("encoding", ["wav", "mp3"])
async def test_a_changed_byte_makes_it_altered(service, maker, encoding):
    content, _ = await maker.song(encoding)
    at = len(content) // 2
    word, checks, _ = await verified(service, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert (word, checks["integrity"], checks["signer"]) == ("altered", "changed", "ours")
    assert checks["watermark"] == "found"


async def test_encoded_anew_it_was_still_made_here(service, maker):
    content, artifact = await maker.song("wav")
    word, checks, found = await verified(service, encode(decode(content), "mp3", 96))
    assert (word, checks["watermark"], checks["credentials"]) == ("made_here", "found", "absent")
    assert checks["receipt"] == "same_mark"
    assert found["checks"][-1]["facts"]["sha256"] == artifact


async def test_ten_seconds_of_it_were_still_made_here(service, maker):
    content, _ = await maker.song("flac")
    audio = decode(content)
    cut = Audio(audio.samples[:, 50_000 : 50_000 + 10 * 32_000], 32_000)
    word, checks, _ = await verified(service, encode(cut, "wav"))
    assert (word, checks["watermark"], checks["receipt"]) == ("made_here", "found", "same_mark")


async def test_other_tags_break_the_signature_and_not_the_receipt(service, maker):
    content, _ = await maker.song("mp3")
    at = content.index(b"trainedAlgorithmicMedia")
    word, checks, _ = await verified(service, content[:at] + b"X" + content[at + 1 :])
    assert (word, checks["integrity"], checks["receipt"]) == ("altered", "changed", "same_sound")


async def test_without_any_credentials_the_sound_alone_leads_to_the_receipt(service, maker):
    _, _ = await maker.song("ogg")
    again = finish(
        music(),
        Output(format="ogg"),
        {"title": "other"},
        Mark(Ours(maker.marks.secrets), Payload(maker.marks.deployment, 1, 7)),
    )
    word, checks, _ = await verified(service, again.content)
    assert (word, checks["credentials"], checks["receipt"]) == ("made_here", "absent", "same_sound")


async def test_what_comes_along_is_looked_at(service, maker):
    content, artifact = await maker.song("opus")
    parts = {
        "receipt": service.store.attachment(artifact, RECEIPT),
        "credentials": service.store.attachment(artifact, CREDENTIALS),
    }
    service.store.release(artifact, "job")
    word, checks, _ = await verified(service, content)
    assert (word, checks["credentials"], checks["receipt"]) == ("made_here", "absent", "absent")
    answer = await service.http.post("/verify", files={"file": content, **parts})
    found = answer.json()
    results = {check["name"]: check["result"] for check in found["checks"]}
    assert (found["verdict"], results["signer"], results["receipt"]) == ("genuine", "ours", "matches")


async def test_files_of_others_are_told_from_ours(make_service):
    studio, content = Studio(), encode(music(), "wav")
    signed = studio.signed(content)
    word, checks, found = await verified(make_service(), signed)
    assert (word, checks["signer"], checks["watermark"]) == ("signed_elsewhere", "unknown", "not_checked")
    assert found["checks"][1]["facts"]["source_types"] == ["digitalCapture"]
    word, checks, _ = await verified(make_service(trust_anchors=studio.anchor), signed)
    assert (word, checks["signer"]) == ("signed_elsewhere", "trusted")
    word, _, _ = await verified(make_service(), content)
    assert word == "unknown"


async def test_credentials_of_what_cannot_be_decoded_are_read(service):
    picture = png.encoded(np.zeros((8, 8, 3), np.uint8))  # no sound, but a file that C2PA knows
    word, checks, found = await verified(service, Studio().signed(picture, "image/png"))
    assert (word, checks["watermark"]) == ("signed_elsewhere", "not_checked")
    assert found["file"]["content_type"] is None


async def test_what_is_nothing_at_all_is_refused(service):
    for content in (b"", b"words"):
        answer = await service.http.post("/verify", content=content, headers=SOUND)
        assert_problem(answer, 422, "unreadable_audio", "file")
    assert_problem(await service.http.post("/verify", json={}), 415, "unsupported_media_type", "Content-Type")
    answer = await service.http.post("/verify", files={"receipt": b"{}"})
    assert_problem(answer, 422, "invalid_request", "file")
    answer = await service.http.post("/verify", files={"file": b"x", "else": b"y"})
    assert_problem(answer, 422, "invalid_request", "else")
    answer = await service.http.post("/verify?x=1", content=b"x", headers=SOUND)
    assert_problem(answer, 422, "invalid_request", "x")


async def test_bodies_have_limits(make_service):
    service = make_service(max_upload_bytes=2_048, max_body_bytes=1_024)
    answer = await service.http.post("/verify", content=b"x" * 2_500, headers=SOUND)
    assert_problem(answer, 413, "body_too_large", "file")
    answer = await service.http.post("/verify", content=b"x" * 9_000, headers=SOUND)
    assert_problem(answer, 413, "body_too_large")


async def test_a_file_that_kills_the_checker_is_refused(service, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import os; os.kill(os.getpid(), 11)")
    monkeypatch.setattr(confined, "CHILD", child)
    answer = await service.http.post("/verify", content=encode(music(1.0), "wav"), headers=SOUND)
    assert_problem(answer, 422, "unreadable_audio", "file")


async def test_it_needs_the_scope_or_the_word_of_the_operator(make_service):
    content = encode(music(4.0), "wav")
    closed = make_service(api_keys=("one",))
    answer = await closed.http.post("/verify", content=content, headers=SOUND)
    assert_problem(answer, 401, "unauthorized", "Authorization")
    word, _, _ = await verified(closed, content, SOUND | {"Authorization": "Bearer one"})
    assert word == "unknown"
    public = make_service(api_keys=("one",), verify_public=True)
    assert (await verified(public, content))[0] == "unknown"
    answer = await public.http.post(
        "/verify", content=content, headers=SOUND | {"Authorization": "Bearer two"}
    )
    assert_problem(answer, 401, "unauthorized", "Authorization")


async def test_a_key_without_the_scope_is_refused(service):
    operator = service.app.state.house.keyring._stored
    _, reading = await operator.create("acme", scopes=["read"])
    answer = await service.http.post(
        "/verify", content=b"RIFF", headers=SOUND | {"Authorization": f"Bearer {reading}"}
    )
    assert_problem(answer, 403, "forbidden", "Authorization")


async def test_strangers_are_counted_and_keys_are_not(make_service):
    service = make_service(api_keys=("one",), verify_public=True, verify_per_minute=2)
    for _ in range(2):
        assert (await service.http.post("/verify", content=b"words", headers=SOUND)).status_code == 422
    answer = await service.http.post("/verify", content=b"words", headers=SOUND)
    assert_problem(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
    keyed = SOUND | {"Authorization": "Bearer one"}
    assert (await service.http.post("/verify", content=b"words", headers=keyed)).status_code == 422


async def test_every_check_is_written_down(service, maker):
    content, artifact = await maker.song("mp3")
    await verified(service, content)
    house = service.app.state.house
    text = (house.settings.audit_path / "audit-000001.jsonl").read_text().splitlines()[-1]
    assert '"kind":"verify"' in text
    assert artifact in text
    assert "genuine" in text


async def test_sound_of_any_kind_is_taken(service):
    out = io.BytesIO()
    soundfile.write(out, music(4.0).samples.T, 32_000, format="AIFF")
    word, _, found = await verified(service, out.getvalue(), {"Content-Type": "application/octet-stream"})
    assert (word, found["file"]["content_type"], found["file"]["audio_sha256"]) == (
        "unknown",
        "audio/aiff",
        None,
    )
