"""The command line, asking a real service."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest
import soundfile

from tests.service.services import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service with a key made for an operator."""
    home = tmp_path_factory.mktemp("service")
    with serving(home) as running:
        made = subprocess.run(
            [
                *(sys.executable, "-m", "muscgen", "apikeys", "create", "--tenant", "house"),
                *("--scopes", "generate,read,verify,admin", "--home", str(home)),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        running.key = made.stdout.strip()
        running.client.headers["Authorization"] = f"Bearer {running.key}"
        yield running


@pytest.fixture
def muscgen(service, monkeypatch):
    """The command at the service, by the environment."""

    def run(*arguments: str, code: int = 0, words: str | None = None):
        environment = {"PATH": "/usr/bin:/bin", "MUSCGEN_SERVER": service.url, "MUSCGEN_API_KEY": service.key}
        done = subprocess.run(
            [sys.executable, "-m", "muscgen", *arguments],
            capture_output=True,
            text=True,
            input=words,
            env=_with_path(environment),
            timeout=100,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def _with_path(environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSCGEN_")}
    return kept | environment


def document(done):
    """Standard output is one document, and nothing else."""
    return json.loads(done.stdout)


def test_a_song_is_made_there_and_written_here(muscgen, tmp_path):
    path = tmp_path / "song.mp3"
    told = document(
        muscgen("generate", "calm piano", "-o", str(path), "--duration", "6", "--seed", "7", "--json")
    )
    assert [song["path"] for song in told["songs"]] == [str(path)]
    assert told["songs"][0]["seed"] == 7
    assert told["songs"][0]["license"] == "Apache-2.0"
    assert soundfile.info(path).duration == pytest.approx(6, abs=0.1)
    report = document(muscgen("verify", str(path), "--json"))
    assert report["verdict"] == "genuine"
    shown = document(muscgen("jobs", "show", told["job"], "--json"))
    assert shown["status"] == "succeeded"


def test_jobs_are_listed_followed_saved_and_cancelled(muscgen, service, tmp_path):
    job = service.ask(duration=1)["id"]
    events = [json.loads(line) for line in muscgen("jobs", "follow", job, "--json").stdout.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("queued", "completed")
    path = tmp_path / "again.flac"
    assert document(muscgen("jobs", "save", job, "-o", str(path), "--json"))["path"] == str(path)
    assert soundfile.info(path).format == "FLAC"
    assert job in [one["id"] for one in document(muscgen("jobs", "list", "--json"))]
    assert f"{job}  succeeded  muscgen-tiny" in muscgen("jobs", "list").stdout
    long = service.ask(duration=300)["id"]
    muscgen("jobs", "cancel", long, "--json")
    assert service.ended(long)["status"] == "cancelled"
    muscgen("jobs", "follow", long, code=1)


def test_files_are_brought_signed_fetched_and_removed(muscgen, service, tmp_path):
    import httpx
    import numpy as np

    path = tmp_path / "hum.wav"
    soundfile.write(path, np.sin(np.arange(32_000) / 20), 32_000)
    kept = document(muscgen("artifacts", "upload", str(path), "--json"))
    link = document(muscgen("artifacts", "sign", kept["id"], "--expires-in", "60", "--json"))
    assert httpx.get(link["url"]).content == path.read_bytes()
    back = tmp_path / "back.wav"
    assert (
        document(muscgen("artifacts", "get", kept["id"], "-o", str(back), "--json"))["bytes"] == kept["bytes"]
    )
    assert back.read_bytes() == path.read_bytes()
    muscgen("artifacts", "remove", kept["id"], "--json")
    muscgen("artifacts", "get", kept["id"], "-o", str(back), code=2)


def test_operators_do_their_work_from_afar(muscgen):
    assert "muscgen-tiny" in [model["id"] for model in document(muscgen("models", "list", "--json"))]
    assert document(muscgen("models", "show", "muscgen-tiny"))["state"] in ("here", "loaded")
    assert "muscgen-tiny  Apache-2.0" in muscgen("models", "list").stdout
    document(muscgen("queue", "pause", "muscgen-tiny", "--json"))
    [queue] = [one for one in document(muscgen("queue", "stats", "--json")) if one["model"] == "muscgen-tiny"]
    assert queue["paused"] is True
    assert document(muscgen("queue", "resume", "muscgen-tiny", "--json"))["paused"] is False
    assert document(muscgen("jobs", "purge", "muscgen-tiny", "--yes", "--json")) == {"cancelled": 0}
    key = document(muscgen("apikeys", "create", "--tenant", "guest", "--expires", "1d", "--json"))
    assert key["key"].count(".") or key["key"]
    assert f"{key['id']}  guest" in muscgen("apikeys", "list").stdout
    assert document(muscgen("apikeys", "revoke", key["id"], "--json"))["revoked_at"]
    assert document(muscgen("jobs", "list", "--tenant", "guest", "--json")) == []


def test_models_are_loaded_to_stay_and_unloaded(muscgen, service):
    def tiny():
        return service.client.get("/v1/models/muscgen-tiny").json()

    service.until(lambda: tiny()["workers"])
    task = document(muscgen("models", "load", "muscgen-tiny", "--json"))
    assert (task["kind"], task["state"]) == ("load", "succeeded")
    service.until(lambda: tiny()["state"] == "loaded")
    assert "muscgen-tiny is unloaded" in muscgen("models", "unload", "muscgen-tiny").stdout
    service.until(lambda: tiny()["state"] == "here")
    assert "there is no model" in muscgen("models", "load", "nothing", code=2).stderr
    assert "a model comes for its song" in muscgen("--server", "here", "models", "load", "x", code=2).stderr


def test_a_song_that_waits_shows_its_place_in_the_queue(muscgen, service, tmp_path):
    muscgen("queue", "pause", "muscgen-tiny")
    before = service.ask(duration=300)["id"]
    command = [sys.executable, "-m", "muscgen", "--server", service.url, "--api-key", service.key]
    command += ["generate", "slow waltz", "-o", str(tmp_path / "waltz.wav"), "--duration", "1"]
    with watched(command) as screen:
        assert "queued, 1 before it, about" in screen.until("before it, about")
        service.client.post(f"/jobs/{before}/cancel")
        muscgen("queue", "resume", "muscgen-tiny")
        screen.until("waltz.wav")
    assert soundfile.info(tmp_path / "waltz.wav").duration == pytest.approx(1, abs=0.1)


class Screen:
    """What a command shows on a terminal."""

    def __init__(self, terminal: int) -> None:
        self.terminal = terminal
        self.shown = ""

    def until(self, words: str, limit_s: float = 90.0) -> str:
        end = time.monotonic() + limit_s
        while words not in self.shown and time.monotonic() < end:
            if select.select([self.terminal], [], [], 1.0)[0]:
                with contextlib.suppress(OSError):  # the command has ended
                    self.shown += os.read(self.terminal, 65_536).decode(errors="replace")
        assert words in self.shown, self.shown
        return self.shown


@contextlib.contextmanager
def watched(command: list[str]):
    ours, its = pty.openpty()
    environment = _with_path({"COLUMNS": "120", "TERM": "xterm"})
    try:
        with subprocess.Popen(command, stdout=its, stderr=its, stdin=its, env=environment) as process:
            try:
                yield Screen(ours)
            except BaseException:
                process.kill()
                raise
    finally:
        os.close(ours)
        os.close(its)
    assert process.returncode == 0


def test_consents_are_kept_there(muscgen):
    kept = document(muscgen("consents", "create", "--basis", "own", "--reference", "my hum", "--json"))
    assert kept["id"] in muscgen("consents", "list").stdout
    assert document(muscgen("consents", "show", kept["id"]))["standing"] == "valid"
    assert document(muscgen("consents", "made", kept["id"], "--json")) == []
    muscgen("consents", "revoke", kept["id"], "--json")
    assert document(muscgen("consents", "show", kept["id"]))["standing"] == "revoked"


def test_a_model_is_fetched_as_a_task_whose_failure_is_told(muscgen):
    done = muscgen("models", "remove", "muscgen-tiny", "--yes", "--json", code=2)
    assert json.loads(done.stderr)["error"]["code"] == "invalid_request"


def test_the_doctor_visits(muscgen, service):
    told = document(muscgen("doctor", "--json"))
    assert told["ok"] is True
    assert {check["name"]: check["state"] for check in told["checks"]}["key"] == "ok"
    done = muscgen("--server", "http://127.0.0.1:9", "doctor", "--json", code=1)
    assert [check["state"] for check in document(done)["checks"]] == ["failed"]
    done = muscgen("--api-key", "wrong", "doctor", "--json", code=1)
    assert {check["name"]: check["state"] for check in document(done)["checks"]}["key"] == "failed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve"],
        ["worker"],
        ["keys", "show"],
        ["audit", "show"],
        ["webhooks", "secret"],
        ["models", "verify"],
        ["demo", "piano"],
        ["data", "report", "."],
    ],
)
def test_what_belongs_to_one_machine_is_refused_there(muscgen, service, arguments):
    done = muscgen(*arguments, code=2)
    assert service.url in done.stderr
    assert "--server here" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["jobs", "list", "--home", "elsewhere"], "--home"),
        (["queue", "stats", "--redis-url", "redis://x"], "--redis-url"),
        (["verify", "x.wav", "--home", "elsewhere"], "--home"),
        (["generate", "x", "-o", "x.wav", "--backend", "onnx"], "--backend"),
        (["models", "pull", "x/y", "--from", "hub"], "--from"),
        (["consents", "create", "--basis", "own", "--statement", "x.txt"], "--statement"),
    ],
)
def test_options_of_this_machine_are_refused_there(muscgen, arguments, option):
    assert option in muscgen(*arguments, code=2).stderr


def test_this_machine_is_here(muscgen):
    assert "window 30 s" in muscgen("--server", "here", "models", "list").stdout


def test_errors_of_the_service_are_told_in_its_words(muscgen, tmp_path):
    song = str(tmp_path / "x.wav")
    assert "there is no model" in muscgen("models", "show", "nothing", code=2).stderr
    done = muscgen("generate", "x", "-o", song, "--model", "no-such", "--json", code=2)
    assert done.stdout == ""
    assert json.loads(done.stderr)["error"]["param"] == "model"
    done = muscgen("--server", "http://127.0.0.1:9", "jobs", "list", code=1)
    assert "did not answer" in done.stderr
    done = muscgen("--api-key", "wrong", "jobs", "list", code=2)
    assert "API key" in done.stderr
