"""The rest of the command line."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from types import ModuleType

import pytest
from typer.testing import CliRunner

import muscgen
import muscgen.cli
from muscgen.cli.app import app
from muscgen.cli.files import slug, write
from muscgen.cli.listen import unforeseen
from muscgen.errors import ConfigurationError


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_the_version():
    done = subprocess.run(
        [sys.executable, "-m", "muscgen", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"muscgen {muscgen.__version__}\n"


@pytest.mark.parametrize("command", ["serve", "worker", "generate", "demo"])
def test_help_has_an_example(command):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert f"muscgen {command} " in done.stdout
    assert "Example" in done.stdout


def test_a_command_imports_its_side_when_called():
    heavy = "import sys, muscgen.cli; print({'onnxruntime', 'fastapi', 'redis', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_models_for_people_and_for_programs():
    assert "muscgen-tiny  Apache-2.0  window 30 s" in run("models", "list").stdout
    cards = json.loads(run("models", "list", "--json").stdout)
    shown = json.loads(run("models", "show", "muscgen-tiny").stdout)
    assert cards == [shown]
    assert (shown["max_duration"], shown["window"]) == (600, 30)


def test_a_model_that_cannot_be_read_is_in_no_other_s_way(tmp_path):
    broken = tmp_path / "models" / "broken"
    broken.mkdir(parents=True)
    (broken / "card.toml").write_text("id = ", "utf-8")
    home = ("--home", str(tmp_path))
    done = run("models", "list", *home)
    assert done.stdout.startswith("muscgen-tiny ")
    assert (done.exit_code, "left out" in done.stderr, str(broken) in done.stderr) == (0, True, True)
    assert run("models", "show", "muscgen-tiny", *home).exit_code == 0
    done = run("models", "show", "broken", *home)
    assert (done.exit_code, str(broken) in done.stderr) == (1, True)
    done = run("generate", "piano", "--duration", "1", "-o", str(tmp_path / "song.wav"), *home)
    assert (done.exit_code, (tmp_path / "song.wav").is_file()) == (0, True)


def test_an_unknown_model_is_exit_code_2():
    done = run("models", "show", "nothing")
    assert done.exit_code == 2
    assert "there is no model 'nothing'" in done.stderr


def test_a_demo_leaves_a_song_that_can_be_checked_and_its_picture(tmp_path):
    home, out = tmp_path / "home", tmp_path / "out"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "muscgen",
            "demo",
            "Lofi, mellow!",
            "--seconds",
            "1",
            "--seed",
            "5",
            "--out",
            out,
            "--home",
            home,
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    song = out / "lofi-mellow.wav"
    files = ["lofi-mellow.png", song.name, f"{song.name}.receipt.json"]
    assert sorted(path.name for path in out.iterdir()) == files
    assert sorted(path.name for path in home.iterdir()) == ["audit", "keys"]  # its jobs were not the home's
    checked = run("verify", str(song), "--home", str(home))
    assert checked.exit_code == 0, checked.output
    assert "genuine" in checked.stdout
    assert "receipt      matches" in checked.stdout
    assert run("audit", "verify", "--home", str(home)).exit_code == 0
    for word in (
        "seed               5",
        "muscgen-tiny, licence Apache-2.0",
        "real-time factor",
        "first audio",
    ):
        assert word in done.stdout


def test_a_demo_that_cannot_be_says_why(tmp_path):
    done = run("demo", "piano", "--seconds", "999", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "allowed up to 600 s" in done.stderr


@pytest.mark.parametrize(
    ("prompt", "name"), [("Funk, 125 bpm!", "funk-125-bpm"), ("音楽", "song"), ("../../etc", "etc")]
)
def test_a_prompt_as_a_file_name(prompt, name):
    assert slug(prompt) == name


def test_a_file_is_whole_or_not_there(tmp_path):
    write(tmp_path / "song.wav", b"old")
    write(tmp_path / "song.wav", b"new")
    assert (tmp_path / "song.wav").read_bytes() == b"new"
    with pytest.raises(ConfigurationError, match=r"nowhere/song\.wav"):
        write(tmp_path / "nowhere" / "song.wav", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_a_connection_that_was_cut_on_purpose_is_no_error_of_the_server(caplog):
    log = logging.getLogger("uvicorn.error")
    log.addFilter(unforeseen)
    for error in (ConnectionAbortedError(), ValueError("a mistake")):
        try:
            raise error
        except type(error):
            log.exception("Exception in ASGI application")
    log.removeFilter(unforeseen)
    assert [record.exc_info[0] for record in caplog.records] == [ValueError]


def test_ctrl_c_before_a_command_has_begun_is_no_trace(monkeypatch):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "muscgen.cli.app", Interrupted("muscgen.cli.app"))
    with pytest.raises(SystemExit) as caught:
        muscgen.cli.main()
    assert caught.value.code == 130
