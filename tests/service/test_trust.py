"""Songs and where they come from, through the whole service: checked, cut, changed, and files of others."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
import soundfile
from c2pa_files import Studio
from services import serving
from tiny import random_checkpoint

from muscgen.finishing.encode import decode, encode
from muscgen.intake import credentials_of
from muscgen.provenance import receipt
from muscgen.provenance.trust import own_trust
from muscgen.settings import load

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.timeout(400),
]
FORMATS = ("wav", "flac", "mp3", "ogg", "opus")
OTHERS = Studio()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("trust") / "home"
    random_checkpoint(home / "models" / "tunes", melody=True)
    with serving(home, MUSCGEN_VERIFY_PUBLIC="true", MUSCGEN_VERIFY_PER_MINUTE="1000") as running:
        running.ended(running.ask(duration=1.0)["id"])  # the keys are made when the first model is loaded
        yield running


@pytest.fixture(scope="module")
def songs(service):
    """Finished jobs by format."""
    ids = {
        encoding: service.ask(duration=11.0, output={"format": encoding}, prompt="Zebedee's song")["id"]
        for encoding in FORMATS
    }
    return {encoding: service.ended(job_id) for encoding, job_id in ids.items()}


def verified(service, content, **more):
    if more:
        answer = service.client.post("/verify", files={"file": content, **more})
    else:
        answer = service.client.post("/verify", content=content, headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["verdict"], {check["name"]: check["result"] for check in found["checks"]}


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_song_is_genuine_and_says_so_everywhere(service, songs, encoding):
    (output,) = songs[encoding]["outputs"]
    provenance = output["provenance"]
    word, checks = verified(service, service.content(songs[encoding]))
    assert word == "genuine"
    assert set(checks.values()) == {"found", "present", "intact", "ours", "matches"}
    assert provenance["c2pa"] == ("embedded" if encoding in ("wav", "flac", "mp3") else "sidecar")
    assert (provenance["signer"]["development"], provenance["off"]) == (True, [])
    kept = service.client.get(provenance["receipt_url"]).content
    found = receipt.read(kept)
    assert own_trust(load({"MUSCGEN_HOME": str(service.home)})).in_whom(found.chain)
    assert found.words["artifact"]["audio_sha256"] == output["audio_sha256"]
    assert "Zebedee" not in kept.decode()
    assert b"Zebedee" not in service.content(songs[encoding])
    assert "development_key" in (service.home / "log").read_text()


@pytest.mark.parametrize("encoding", FORMATS)
def test_changed_it_is_no_longer_genuine(service, songs, encoding):
    content = service.content(songs[encoding])
    at = len(content) // 2
    changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    (output,) = songs[encoding]["outputs"]
    more = {}
    if output["provenance"]["c2pa"] == "sidecar":
        more["credentials"] = service.client.get(output["provenance"]["credentials_url"]).content
    word, checks = verified(service, changed, **more)
    assert (word, checks["integrity"], checks["signer"]) == ("altered", "changed", "ours")


@pytest.mark.parametrize("encoding", FORMATS)
def test_encoded_anew_and_cut_it_is_still_ours(service, songs, encoding):
    audio = decode(service.content(songs[encoding]))
    word, checks = verified(service, encode(audio, "mp3", 128))
    assert (word, checks["watermark"], checks["credentials"]) == ("made_here", "found", "absent")
    assert checks["receipt"] == "same_mark"
    start = audio.sample_rate // 2
    audio = type(audio)(audio.samples[:, start : start + 10 * audio.sample_rate], audio.sample_rate)
    assert verified(service, encode(audio, "wav"))[0] == "made_here"


def test_what_is_heard_while_it_is_made_carries_the_mark_of_the_finished_file(service):
    body = {"prompt": "organ", "duration": 12.0, "cache": "off", "seed": 4}
    with service.client.stream("POST", "/generate", json=body, headers={"Accept": "audio/wav"}) as answer:
        assert answer.status_code == 200
        live = b"".join(answer.iter_bytes())
    job = service.ended(service.client.get("/jobs", params={"limit": 1}).json()["jobs"][0]["id"])
    assert job["request"]["seed"] == 4
    word, checks = verified(service, live)
    assert (word, checks["watermark"], checks["credentials"]) == ("made_here", "found", "absent")
    assert checks["receipt"] == "same_mark"


def test_the_same_seed_is_the_same_sound_in_another_file(service, songs):
    again = service.ended(service.ask(duration=11.0, output={"format": "wav"}, prompt="Zebedee's song")["id"])
    one, two = (job["outputs"][0] for job in (songs["wav"], again))
    assert one["audio_sha256"] == two["audio_sha256"]
    assert one["artifact"]["sha256"] != two["artifact"]["sha256"]


def test_a_cached_song_has_the_papers_of_the_one_that_was_made(service):
    first = service.ended(service.ask(cache="use", seed=99)["id"])
    jobs = [first, service.ask(cache="use", seed=99, expect=200)]
    assert [job["cache"] for job in jobs] == ["miss", "hit"]
    assert jobs[0]["outputs"][0]["provenance"] == jobs[1]["outputs"][0]["provenance"]
    url = jobs[1]["outputs"][0]["provenance"]["receipt_url"]
    assert service.client.get(url).status_code == 200


def test_files_of_others_are_theirs(service):
    out = io.BytesIO()
    noise = 0.1 * np.random.default_rng(1).standard_normal(32_000 * 5)
    soundfile.write(out, noise, 32_000, format="WAV")
    assert verified(service, out.getvalue())[0] == "unknown"
    word, checks = verified(service, OTHERS.signed(out.getvalue()))
    assert (word, checks["signer"], checks["watermark"]) == ("signed_elsewhere", "unknown", "absent")


def test_a_song_with_sound_from_outside_names_it_by_its_hash(service):
    tune = io.BytesIO()
    soundfile.write(tune, 0.3 * np.sin(np.cumsum(np.linspace(0.05, 0.3, 32_000))), 16_000, format="WAV")
    signed = OTHERS.signed(tune.getvalue())
    kept = service.client.post("/artifacts", content=signed, headers={"Content-Type": "audio/wav"}).json()
    consent = {"basis": "licensed", "reference": "contract with Zebedee"}
    asked = service.ask(
        model="tunes", mode="melody", duration=1.0, conditioning={"melody": {"artifact_id": kept["id"]}},
        rights={"input_audio_consent": consent},
    )  # fmt: skip
    job = service.ended(asked["id"])
    content = service.content(job)
    (service.home / "a-file").write_bytes(content)
    with (service.home / "a-file").open("rb") as file:
        found = credentials_of(file, [own_trust(load({"MUSCGEN_HOME": str(service.home)}))])
    assert (found.state, found.trusted_by) == ("valid", 0)
    assert found.source_types[0] == "compositeWithTrainedAlgorithmicMedia"
    (part,) = found.manifest["ingredients"]
    assert (part["title"], part["relationship"]) == (kept["id"], "inputTo")
    assert part["active_manifest"]  # theirs, carried along
    (own,) = found.assertions("org.muscgen.inputs")
    words = receipt.read(service.client.get(job["outputs"][0]["provenance"]["receipt_url"]).content).words
    assert words["inputs"] == own["inputs"]
    assert words["inputs"][0]["sha256"] == kept["id"]
    assert words["inputs"][0]["consent"]["basis"] == "licensed"
    assert "Zebedee" not in json.dumps([words, found.manifest])
    assert b"compositeWithTrainedAlgorithmicMedia" in content
