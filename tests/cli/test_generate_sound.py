"""`muscgen generate` with sound: melodies and songs that go on, from files, in this process."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from tiny import random_checkpoint
from typer.testing import CliRunner

from muscgen.backends.separation import MIXED
from muscgen.cli.app import app

RATE = 16_000


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of two models: one hears melodies, one goes on from clips."""
    folder = tmp_path_factory.mktemp("models")
    random_checkpoint(folder / "tunes", melody=True)
    random_checkpoint(folder / "goes-on")
    return folder


@pytest.fixture
def muscgen(models, tmp_path, monkeypatch):
    """Runs the command line in a folder with a sound of two seconds, and with text that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSCGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MUSCGEN_MODELS_DIR", str(models))
    monkeypatch.setenv("MUSCGEN_THREADS", "1")
    line = 0.3 * np.sin(np.cumsum(np.linspace(0.05, 0.3, 2 * RATE)))
    soundfile.write(tmp_path / "hum.flac", np.stack([line, line], 1), RATE)
    (tmp_path / "text.wav").write_text("no sound")

    def run(*arguments):
        return CliRunner().invoke(app, ["generate", "-o", "song.wav", *map(str, arguments)])

    return run


def test_a_song_takes_a_melody_from_a_file(muscgen, tmp_path):
    done = muscgen("brass", "--melody", "hum.flac", "--consent", "own", "--model", "tunes", "--duration", 0.6)
    assert done.exit_code == 0, done.output
    assert soundfile.info(tmp_path / "song.wav").frames == 0.6 * 32_000
    assert MIXED in done.stderr


def test_a_song_takes_a_melody_from_a_stretch_of_a_file(muscgen):
    asked = ["--melody", "hum.flac", "--consent", "own", "--model", "tunes", "--duration", 0.6, "--seed", 7]
    stretches = [], ["--melody-start", 1.2], ["--melody-start", 1.2, "--melody-end", 2]
    sounds = [muscgen(*asked, *stretch).stdout.partition("audio sha256 ")[2].strip() for stretch in stretches]
    assert all(sounds)
    assert sounds[0] != sounds[1] == sounds[2]


@pytest.mark.parametrize(("options", "seconds"), [([], 1.6), (["--without-clip"], 0.6)])
def test_a_song_goes_on_from_a_file(muscgen, tmp_path, options, seconds):
    clip = ["--continue", "hum.flac", "--continue-start", 0.5, "--continue-end", 1.5, "--consent", "cc"]
    done = muscgen(*clip, "--model", "goes-on", "--duration", 1.6, *options)
    assert done.exit_code == 0, done.output
    assert soundfile.info(tmp_path / "song.wav").frames == seconds * 32_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--melody", "hum.flac"], "say by what right"),
        (["--melody", "hum.flac", "--model", "goes-on"], "models here that have it: tunes"),
        (["--melody", "gone.wav"], "gone.wav cannot be read: No such file"),
        (["--melody", "text.wav"], "text.wav: this is no sound file"),
        (["--melody", "hum.flac", "--continue", "hum.flac"], "two songs"),
        (["--melody", "hum.flac", "--unconditional"], "listens to no --melody"),
        (["--melody", "hum.flac", "--continue-end", "1"], "--continue-end is for --continue"),
        (["--melody-start", "1", "brass"], "--melody-start is for --melody"),
        (["--melody", "hum.flac", "--consent", "own", "--melody-end", "3"], "the sound has 2 s"),
        (["--melody", "0" * 64], "--url of the service whose artifact it is"),
        (["--without-clip", "brass"], "--without-clip is for --continue"),
        (["--consent", "own", "brass"], "brings no sound to consent to"),
        (["--consent-reference", "x", "brass"], "needs --consent"),
        (["--continue", "hum.flac", "--consent", "own", "--duration", "2"], "duration counts the clip"),
        (["--continue", "hum.flac", "--consent", "own", "--continue-end", "3"], "the sound has 2 s"),
        (["--key", "k", "brass"], "--key is for --url"),
        (["--url", "http://localhost:1", "--backend", "onnx", "brass"], "--backend is for songs"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(muscgen, tmp_path, arguments, words):
    model = [] if "--model" in arguments else ["--model", "goes-on" if "--continue" in arguments else "tunes"]
    done = muscgen(*arguments, *model)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert not (tmp_path / "song.wav").exists()


def test_a_service_that_is_not_there_is_said_in_words(muscgen):
    done = muscgen("brass", "--url", "http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "http://127.0.0.1:1 did not answer" in done.stderr
