"""`muscgen blocklist`, and songs that are made here."""

from __future__ import annotations

import pytest
from recordings import RATE, encoded, mp3, music
from typer.testing import CliRunner

from muscgen.cli.app import app

pytest.importorskip("chromaprint", reason="needs libchromaprint", exc_type=ImportError)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSCGEN_HOME", str(tmp_path / "home"))
    (tmp_path / "theirs.wav").write_bytes(encoded(music(1)))
    (tmp_path / "theirs.mp3").write_bytes(mp3(music(1)[4 * RATE :]))
    (tmp_path / "ours.wav").write_bytes(encoded(music(2)))

    def invoke(*words, code=0):
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def test_a_recording_is_added_found_and_removed(run):
    assert run("blocklist", "add", "theirs.wav", "--list", "list.jsonl", "--name", "Their Song") == (
        "Their Song: 20.0 s\n"
    )
    assert run("blocklist", "list", "--list", "list.jsonl") == "Their Song  20.0 s\n"
    said = run("blocklist", "check", "theirs.mp3", "ours.wav", "--list", "list.jsonl", code=1)
    assert said == "theirs.mp3: Their Song\nours.wav: not listed\n"
    assert "no 'Other'" in run("blocklist", "remove", "Other", "--list", "list.jsonl", code=2)
    run("blocklist", "remove", "Their Song", "--list", "list.jsonl")
    run("blocklist", "check", "theirs.mp3", "--list", "list.jsonl")


def test_the_list_of_the_settings_is_meant_where_there_is_one(run, monkeypatch):
    assert "--list FILE" in run("blocklist", "list", code=1)
    monkeypatch.setenv("MUSCGEN_BLOCKLISTS", "list.jsonl")
    run("blocklist", "add", "theirs.wav")
    assert run("blocklist", "list") == "theirs  20.0 s\n"


def test_a_song_that_is_made_here_begins_with_no_such_recording(run, monkeypatch):
    monkeypatch.setenv("MUSCGEN_BLOCKLISTS", "list.jsonl")
    run("blocklist", "add", "theirs.wav")
    words = ["generate", "-o", "song.wav", "--continue", "theirs.mp3", "--consent", "own"]
    assert "not taken here: theirs" in run(*words, code=2)


@pytest.mark.parametrize("file", ["missing.wav", "list.jsonl"])
def test_a_file_that_is_no_recording_is_said(run, tmp_path, file):
    (tmp_path / "list.jsonl").write_text("")
    assert file in run("blocklist", "add", file, "--list", "list.jsonl", code=2)
