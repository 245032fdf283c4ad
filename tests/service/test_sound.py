"""Sound through the whole service: uploaded, listened to, and what becomes of it."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
import soundfile
from services import serving
from tiny import random_checkpoint
from typer.testing import CliRunner

from muscgen.cli.app import app

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.timeout(300),
]
CONSENT = {"input_audio_consent": {"basis": "own"}}


def tune():
    out = io.BytesIO()
    line = 0.3 * np.sin(np.cumsum(np.linspace(0.05, 0.3, 32_000)))
    soundfile.write(out, line, 16_000, format="FLAC")
    return out.getvalue()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("sound") / "home"
    random_checkpoint(home / "models" / "tunes", melody=True)
    random_checkpoint(home / "models" / "goes-on")
    with serving(home) as running:
        yield running


def test_an_upload_becomes_a_melody_and_the_beginning_of_a_song(service):
    kept = service.client.post("/artifacts", content=tune(), headers={"Content-Type": "audio/flac"}).json()
    melody = service.ask(
        model="tunes", mode="melody", conditioning={"melody": {"artifact_id": kept["id"]}}, rights=CONSENT
    )
    beginning = {"artifact_id": kept["id"], "end": 0.5, "include": False}
    longer = service.ask(
        model="goes-on", mode="continuation", prompt=None, duration=1.5,
        conditioning={"prompt_audio": beginning}, rights=CONSENT,
    )  # fmt: skip
    for asked, seconds in ((melody, 0.5), (longer, 1.0)):
        job = service.ended(asked["id"])
        assert job["status"] == "succeeded", job["error"]
        assert soundfile.info(io.BytesIO(service.content(job))).duration == seconds
    assert any("Demucs" in warning for warning in service.job(melody["id"])["warnings"])


def test_a_song_goes_on_from_an_earlier_song_without_asking_anybody(service):
    first = service.ended(service.ask(model="goes-on")["id"])
    earlier = {"artifact_id": first["outputs"][0]["artifact"]["id"]}
    job = service.ask(
        model="goes-on", mode="continuation", duration=1.0, conditioning={"prompt_audio": earlier}
    )
    assert service.ended(job["id"])["status"] == "succeeded"


def test_the_command_line_asks_a_service(service, tmp_path):
    (tmp_path / "tune.flac").write_bytes(tune())
    arguments = [
        "generate", "brass", "-o", str(tmp_path / "song.wav"), "--url", service.url, "--model", "tunes",
        "--melody", str(tmp_path / "tune.flac"), "--duration", "0.5", "--seed", "7", "--n", "2",
    ]  # fmt: skip
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "say by what right" in refused.stderr
    done = CliRunner().invoke(app, [*arguments, "--consent", "own"])
    assert done.exit_code == 0, done.output
    assert "song-1.wav: seed 8, model tunes" in done.stdout
    assert "Demucs" in done.stderr
    assert soundfile.info(tmp_path / "song-0.wav").duration == 0.5
    receipt = json.loads((tmp_path / "song-1.wav.receipt.json").read_text())["receipt"]
    assert (receipt["seed"], receipt["inputs"][0]["consent"]["basis"]) == (8, "own")


def test_the_command_line_takes_what_a_service_keeps(service, tmp_path):
    first = service.ended(service.ask(model="goes-on")["id"])["outputs"][0]["artifact"]["id"]
    kept = service.client.post("/artifacts", content=tune(), headers={"Content-Type": "audio/flac"}).json()
    common = ["--url", service.url, "--duration", "1.0", "--seed", "7"]
    longer = ["--continue", first, "--continue-end", "0.4", "--without-clip", "--model", "goes-on"]
    melody = ["--melody", kept["id"], "--melody-start", "0.5", "--consent", "own", "--model", "tunes"]
    for name, asked, seconds in (("longer", longer, 0.6), ("melody", melody, 1.0)):
        file = tmp_path / f"{name}.wav"
        done = CliRunner().invoke(app, ["generate", "-o", str(file), *common, *asked])
        assert done.exit_code == 0, done.output
        assert soundfile.info(file).duration == seconds
    nobodys = ["--melody", "0" * 64, "--consent", "own", "--model", "tunes"]
    refused = CliRunner().invoke(app, ["generate", "-o", str(tmp_path / "none.wav"), *common, *nobodys])
    assert refused.exit_code == 2
    assert f"there is no artifact {'0' * 64}" in refused.stderr
