"""muscgen verify: files of this installation, and of others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from c2pa_files import Studio
from typer.testing import CliRunner

from muscgen.audio import Audio
from muscgen.cli.app import app
from muscgen.finishing.encode import encode
from muscgen.finishing.pipeline import finish
from muscgen.provenance import receipt
from muscgen.provenance.marks import Mark, marks_of
from muscgen.provenance.origin import Origin
from muscgen.provenance.papers import papers_of
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Ours
from muscgen.request import Output
from muscgen.settings import load


def music(seconds=12.0, rate=32_000):
    dice = np.random.default_rng(4)
    beat = np.exp(-6 * (np.arange(round(seconds * rate)) / rate % 0.4))
    return Audio((0.2 * beat * dice.standard_normal((1, beat.size))).astype(np.float32), rate)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSCGEN_HOME", str(tmp_path / "home"))
    return load()


@pytest.fixture
def song(home, tmp_path):
    """A file as `muscgen generate` writes it; with a sidecar where it needs one."""

    def make(encoding):
        papers, marks = papers_of(home), marks_of((), home.watermark_path)
        payload = Payload(marks.deployment, 1, 7)
        mark, seal = Mark(Ours(marks.secrets), payload), papers.seal(Origin("t", "m", "r", payload.hex()))
        finished = finish(music(), Output(format=encoding), {}, mark, seal)
        path = tmp_path / f"song.{encoding}"
        path.write_bytes(finished.content)
        if finished.sidecar is not None:
            (tmp_path / f"song.{encoding}.c2pa").write_bytes(finished.sidecar)
        return path

    return make


def verify(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


@pytest.mark.parametrize("encoding", ["flac", "ogg"])
def test_a_song_of_this_installation_is_genuine(song, encoding):
    done = verify(song(encoding))
    assert (done.exit_code, done.stdout.splitlines()[0].endswith(f"song.{encoding}: genuine")) == (0, True)
    assert "watermark    found" in done.stdout
    assert "a key of ours" in done.stdout


def test_a_sidecar_may_lie_elsewhere(song, tmp_path):
    path = song("ogg")
    beside = path.with_name("song.ogg.c2pa")
    elsewhere = beside.rename(tmp_path / "manifest")
    assert "made here" in verify(path).stdout
    assert "genuine" in verify(path, "--credentials", elsewhere).stdout


def test_a_receipt_may_come_along(song, home, tmp_path):
    path = song("wav")
    words = {"artifact": {"sha256": "00" * 32}}
    (tmp_path / "receipt.json").write_bytes(receipt.signed(words, papers_of(home).signer))
    found = json.loads(verify(path, "--receipt", tmp_path / "receipt.json", "--json").stdout)
    assert (found["verdict"], found["checks"][-1]["result"]) == ("genuine", "differs")


def test_what_was_not_made_here_is_exit_code_1(home, tmp_path):
    content = encode(music(), "wav")
    (tmp_path / "plain.wav").write_bytes(content)
    (tmp_path / "signed.wav").write_bytes(Studio().signed(content))
    for name, word in (("plain.wav", "unknown"), ("signed.wav", "signed elsewhere")):
        done = verify(tmp_path / name)
        assert (done.exit_code, word in done.stdout) == (1, True)
    assert not (home.home / "keys" / "signing").exists()


def test_what_cannot_be_is_said_in_words(home, tmp_path):
    assert verify(tmp_path / "nothing.wav").exit_code == 1
    (tmp_path / "a.wav").write_bytes(b"words")
    done = verify(tmp_path / "a.wav")
    assert (done.exit_code, "no sound file" in done.stderr) == (2, True)
    for arguments in (["--key", "k"], ["--url", "http://127.0.0.1:9", "--home", str(tmp_path)]):
        assert verify(tmp_path / "a.wav", *arguments).exit_code == 2
