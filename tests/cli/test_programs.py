"""The command line for programs and shells: JSON, exit codes, completion, the doctor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from muscgen.cli import examining
from muscgen.cli.app import app
from muscgen.errors import ConfigurationError

# They run until they are stopped, or write what is no document.
WITHOUT_JSON = {"serve", "worker", "mcp", "completion", "webhooks deliver"}


def run(*arguments: str, **environment: str):
    return CliRunner().invoke(app, arguments, env=environment)


def commands(group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_has_its_answer_for_programs():
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 40
    without = {
        name for name, command in found.items() if not any("--json" in param.opts for param in command.params)
    }
    assert without == WITHOUT_JSON


def test_a_song_is_told_as_one_document(tmp_path):
    path = tmp_path / "song.wav"
    arguments = ["generate", "calm piano", "-o", str(path), "--duration", "1", "--seed", "7", "--n", "2"]
    done = run(*arguments, "--json", MUSCGEN_HOME=str(tmp_path))
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert [song["seed"] for song in told["songs"]] == [7, 8]
    assert [song["path"] for song in told["songs"]] == [str(tmp_path / f"song-{i}.wav") for i in range(2)]
    assert told["songs"][0]["audio_sha256"] != told["songs"][1]["audio_sha256"]
    assert told["warnings"] == []


def test_an_error_is_a_line_of_json_beside_an_empty_answer(tmp_path):
    done = run("generate", "x", "-o", str(tmp_path / "x.txt"), "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert json.loads(done.stderr)["error"]["param"] == "output"


@pytest.mark.parametrize("what", ["signing", "watermark"])
def test_keys_are_made_and_turned_as_documents(tmp_path, what):
    home = ("--home", str(tmp_path))
    assert json.loads(run("keys", "create", what, "--json", *home).stdout)["version"] == 1
    assert json.loads(run("keys", "rotate", what, "--json", *home).stdout) == {"key": what, "version": 2}
    done = run("keys", "create", what, "--json", *home)
    assert (done.exit_code, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["models", "show", "nothing"], 2),
        (["models", "list", "--nonsense"], 2),
        (["artifacts", "get", "x", "-o", "x.wav"], 2),
        (["jobs", "follow", "job_0"], 2),
        (["models", "list", "--home", "/dev/null/x"], 0),
        (["verify", "/none/there.wav"], 1),
    ],
)
def test_exit_codes_say_what_kind_of_ending_it_was(arguments, code):
    assert run(*arguments).exit_code == code


def test_settings_that_are_wrong_are_exit_code_1_and_78_for_workers(tmp_path):
    assert run("models", "list", MUSCGEN_PORT="no").exit_code == 1
    assert run("worker", MUSCGEN_PORT="no").exit_code == 78


def test_a_key_for_asking_is_no_key_to_be_asked_for(tmp_path):
    done = run("serve", "--port", "0", MUSCGEN_API_KEY="secret")
    assert done.exit_code == 2
    assert "MUSCGEN_API_KEYS" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_its_script(shell):
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "_MUSCGEN_COMPLETE" in done.stdout
    assert "muscgen" in done.stdout


def test_a_shell_that_is_unknown_is_refused():
    assert run("completion", "cobol").exit_code == 2


@pytest.mark.parametrize(
    ("typed", "word", "found"),
    [
        ("muscgen jo", 1, "jobs"),
        ("muscgen jobs ca", 2, "cancel"),
        ("muscgen generate --dur", 2, "--duration"),
    ],
)
def test_commands_and_options_are_completed(typed, word, found):
    environment = os.environ | {
        "_MUSCGEN_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(word),
    }
    done = subprocess.run(
        [sys.executable, "-m", "muscgen"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [found], done.stderr


def test_the_doctor_finds_this_machine_well(tmp_path):
    done = run("doctor", "--json", "--home", str(tmp_path))
    told = json.loads(done.stdout)
    found = {check["name"]: check for check in told["checks"]}
    assert (done.exit_code, told["ok"]) == (0, True), told
    assert set(found) == {
        *("muscgen", "cpu", "engine", "gpu", "memory", "formats", "extras"),
        *("settings", "disk", "queue", "models", "keys"),
    }
    assert found["formats"]["detail"] == "wav, flac, mp3, ogg, opus"
    assert found["models"]["facts"]["usable"] == ["muscgen-tiny"]
    assert found["cpu"]["facts"]["cores"] >= 1


def test_the_doctor_says_what_fails_and_what_would_help(tmp_path):
    done = run("doctor", "--home", str(tmp_path), "--redis-url", "redis://127.0.0.1:9")
    assert done.exit_code == 1
    assert "FAIL  queue" in done.stdout
    done = run("doctor", "--json", MUSCGEN_HOME=str(tmp_path), MUSCGEN_DEFAULT_MODEL="nothing")
    models = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "models")
    assert (done.exit_code, models["state"]) == (1, "failed")
    done = run("doctor", "--json", MUSCGEN_PORT="no")
    settings = json.loads(done.stdout)["checks"][-1]
    assert (done.exit_code, settings["name"], settings["state"]) == (1, "settings", "failed")


def test_a_doctor_does_not_die_of_what_it_finds(monkeypatch, tmp_path):
    def sick():
        raise RuntimeError("a library that is broken")

    def refused():
        raise ConfigurationError("no card", suggestion="another one")

    monkeypatch.setattr(examining, "_engine", sick)
    monkeypatch.setattr(examining, "_gpu", refused)
    done = run("doctor", "--json", "--home", str(tmp_path))
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.exit_code == 1
    assert found["engine"]["detail"] == "RuntimeError: a library that is broken"
    assert found["gpu"]["suggestion"] == "another one"
