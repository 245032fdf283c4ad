"""`muscgen generate` in this process, on muscgen-tiny."""

from __future__ import annotations

import json
import re

import pytest
import soundfile
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.cli.words import person
from muscgen.provenance.sound import sound_digest


@pytest.fixture
def muscgen(tmp_path, monkeypatch):
    """Runs the command line in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSCGEN_HOME", str(tmp_path / "home"))

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


def digest(path):
    with path.open("rb") as file:
        return sound_digest(file)


def test_a_seed_gives_the_same_song_twice(muscgen, tmp_path):
    for name in ("a.wav", "b.wav"):
        done = muscgen("generate", "calm piano", "-o", name, "--duration", 1, "--seed", 7)
        assert done.exit_code == 0, done.output
    assert digest(tmp_path / "a.wav") == digest(tmp_path / "b.wav")
    assert f"audio sha256 {digest(tmp_path / 'b.wav')}" in done.stdout
    assert "\n\n" not in done.output  # no bar where nobody looks
    assert not done.output.startswith("\n")
    assert re.search(
        r"b.wav: seed 7, model muscgen-tiny, licence Apache-2.0, real-time factor \d", done.stdout
    )
    assert soundfile.info(tmp_path / "a.wav").frames == 32_000
    files = ["a.wav", "a.wav.receipt.json", "b.wav", "b.wav.receipt.json"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == files


@pytest.mark.parametrize("ending", ["wav", "opus"])
def test_a_song_made_here_has_every_mark_of_one_made_by_a_service(muscgen, tmp_path, ending):
    path = tmp_path / f"song.{ending}"
    made = muscgen("generate", "funk with slap bass", "-o", path.name, "--duration", 8, "--seed", 5)
    assert made.exit_code == 0, made.output
    assert made.stderr.count("development key") == 1  # in words, when it is made
    assert "signing." not in made.stderr
    assert "development key" not in muscgen("generate", "funk", "-o", "b.wav", "--duration", 0.5).stderr

    done = muscgen("verify", path.name, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["verdict"] == "genuine"
    assert {check["name"]: check["result"] for check in found["checks"]} == {
        "watermark": "found",
        "credentials": "present",
        "integrity": "intact",
        "signer": "ours",
        "receipt": "matches",
    }
    receipt = json.loads((tmp_path / f"song.{ending}.receipt.json").read_text())["receipt"]
    assert receipt["seed"] == 5
    assert receipt["watermark"]["payload"] == found["checks"][0]["facts"]["payload"]
    assert "slap" not in json.dumps(receipt)
    shown = muscgen("audit", "show", "--kind", "generate").stdout
    assert found["file"]["sha256"] in shown
    assert muscgen("audit", "verify").exit_code == 0


def test_papers_of_an_earlier_song_do_not_stay_beside_the_next(muscgen, tmp_path, monkeypatch):
    assert muscgen("generate", "funk", "-o", "song.ogg", "--duration", 0.5).exit_code == 0
    assert len(list(tmp_path.glob("song.ogg*"))) == 3
    monkeypatch.setenv("MUSCGEN_CREDENTIALS", "false")
    monkeypatch.setenv("MUSCGEN_RECEIPTS", "false")
    assert muscgen("generate", "funk", "-o", "song.ogg", "--duration", 0.5).exit_code == 0
    assert [path.name for path in tmp_path.glob("song.ogg*")] == ["song.ogg"]


def test_whoever_has_no_name_here_is_their_number(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert person() == "uid 4711"


@pytest.mark.parametrize("ending", ["flac", "mp3", "ogg", "opus"])
def test_the_ending_chooses_the_format(muscgen, tmp_path, ending):
    done = muscgen("generate", "calm piano", "-o", f"song.{ending}", "--duration", 0.5)
    assert done.exit_code == 0, done.output
    assert soundfile.info(tmp_path / f"song.{ending}").duration == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (["funk", "--duration", "3", "--window", "2", "--stride", "1"], 3),
        (["--section", "1.5:calm piano", "--section", "1:techno"], 2.5),
        (["--unconditional", "--duration", "1"], 1),
    ],
)
def test_songs_in_windows_in_sections_and_without_words(muscgen, tmp_path, arguments, seconds):
    done = muscgen("generate", *arguments, "-o", "song.wav", "--seed", 7)
    assert done.exit_code == 0, done.output
    assert soundfile.info(tmp_path / "song.wav").frames == seconds * 32_000


def test_variations_have_numbers_and_seeds(muscgen, tmp_path):
    done = muscgen("generate", "funk", "-o", "song.wav", "--duration", 0.5, "--seed", 3, "--n", 2)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "song-0.wav").exists()
    assert "song-1.wav: seed 4" in done.stdout
    assert digest(tmp_path / "song-0.wav") != digest(tmp_path / "song-1.wav")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "song.aac"], "no ending that names a format"),
        (["-o", "song.wav", "--duration", "601"], "allowed up to 600 s"),
        (["-o", "song.wav", "--duration", "-1"], "duration"),
        (["-o", "song.wav", "--window", "31"], "up to 30 s at once"),
        (["-o", "song.wav", "--duration", "60", "--stride", "30"], "the stride is 30 s"),
        (["-o", "song.wav", "--unconditional"], "mode unconditional has no prompt"),
        (["-o", "song.wav", "--section", "2:harp"], "sections or prompt, not both"),
        (["-o", "song.wav", "--section", "two:harp"], "'two:harp' is no section"),
        (["-o", "song.wav", "--model", "nothing"], "known models: muscgen-tiny"),
        (["-o", "song.wav", "--bitrate", "128"], "wav has no bitrate"),
        (["-o", "song.wav", "--top-k", "-3"], "sampling.top_k"),
        (["-o", "nowhere/song.wav"], "there is no folder nowhere"),
        ([], "--output"),
    ],
)
def test_what_cannot_be_is_refused_in_words_with_exit_code_2(muscgen, tmp_path, arguments, words):
    done = muscgen("generate", "piano", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("song*"))


def test_a_home_that_cannot_be_is_said_in_words(muscgen, tmp_path):
    (tmp_path / "file").touch()
    done = muscgen(
        "generate", "piano", "-o", "song.wav", "--duration", 1, "--home", tmp_path / "file" / "home"
    )
    assert done.exit_code == 1
    assert done.stderr.startswith("muscgen: ")
    assert "Not a directory" in done.stderr
    assert not (tmp_path / "song.wav").exists()


def test_refusals_here_speak_as_the_api_does(muscgen):
    done = muscgen("generate", "", "-o", "song.wav")
    assert "muscgen: prompt should have at least 1 character" in done.stderr


def test_ctrl_c_is_exit_code_130_and_leaves_nothing(muscgen, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("muscgen.cli.inprocess.watch", interrupted)
    done = muscgen("generate", "piano", "-o", "song.wav", "--duration", 10)
    assert done.exit_code == 130
    assert not list(tmp_path.glob("*song*"))


def test_a_setting_that_nobody_knows_is_exit_code_1(muscgen, monkeypatch):
    monkeypatch.setenv("MUSCGEN_SLOTZ", "3")
    done = muscgen("generate", "piano", "-o", "song.wav")
    assert done.exit_code == 1
    assert "MUSCGEN_SLOTZ" in done.stderr
