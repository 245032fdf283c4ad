"""Codes that lie beside a sound are taken in place of what the codec's encoder would hear."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import MUSCGEN_TINY

from data.runs import damage, ledger, manifest_of, prepare
from data.tunes import tune
from muscgen.backends.listening import books_revision
from muscgen.models.checkpoint import Checkpoint

FRAMES = 60


@pytest.fixture(scope="module")
def revision():
    return books_revision(Checkpoint(MUSCGEN_TINY))


def song(folder: Path, **beside: object) -> Path:
    """A sound of 60 frames at the codec's rate, with what is said of its codes."""
    folder.mkdir()
    soundfile.write(folder / "song.wav", tune(3, FRAMES / 50, 32_000), 32_000)
    (folder / "LICENSE").write_text("https://creativecommons.org/licenses/by/4.0/")
    if beside:
        np.savez(folder / "song.codes.npz", **beside)
    return folder


def codes_of(out: Path) -> np.ndarray:
    [shard] = out.glob("shards/*.tar")
    with tarfile.open(shard) as tar:
        [entry] = [entry for entry in tar if entry.name.endswith(".codes.npy")]
        return np.load(io.BytesIO(tar.extractfile(entry).read()))


def drawn(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2048, (4, FRAMES))


def test_codes_that_are_known_are_not_heard(tmp_path, revision):
    prepare("folder", song(tmp_path / "songs", books=revision, codes=drawn()), tmp_path / "out", codec="tiny")
    assert np.array_equal(codes_of(tmp_path / "out"), drawn())


def test_codes_of_another_codec_are_heard(tmp_path):
    prepare("folder", song(tmp_path / "plain"), tmp_path / "heard", codec="tiny")
    root = song(tmp_path / "songs", books="of another", codes=drawn())
    prepare("folder", root, tmp_path / "out", codec="tiny")
    assert np.array_equal(codes_of(tmp_path / "out"), codes_of(tmp_path / "heard"))


def test_other_codes_are_another_set(tmp_path, revision):
    root = song(tmp_path / "songs", books=revision, codes=drawn())
    prepare("folder", root, tmp_path / "out", codec="tiny")
    before = manifest_of(tmp_path / "out").sha256
    np.savez(root / "song.codes.npz", books=revision, codes=drawn(1))
    _, progress = prepare("folder", root, tmp_path / "out", codec="tiny")
    assert progress.reused == 0
    assert np.array_equal(codes_of(tmp_path / "out"), drawn(1))
    assert manifest_of(tmp_path / "out").sha256 != before
    assert len(list((tmp_path / "out" / "codes").rglob("*.npy"))) == 1  # the old ones are gone
    _, progress = prepare("folder", root, tmp_path / "out", codec="tiny")
    assert progress.reused == 1


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (drawn()[:, 1:], "(4, 59); the sound has (4, 60)"),
        (drawn() + 1_000, "not all from 0 to 2047"),
        (drawn() * 0.5, "float64"),
    ],
)
def test_codes_that_cannot_be_the_sounds_keep_it_out_with_the_reason(tmp_path, revision, codes, words):
    prepare("folder", song(tmp_path / "songs", books=revision, codes=codes), tmp_path / "out", codec="tiny")
    [entry] = ledger(tmp_path / "out")
    assert (entry.decision, entry.reason) == ("out", "unfit")
    assert "song.codes.npz" in entry.detail
    assert words in entry.detail


def test_a_damaged_file_of_codes_keeps_the_sound_out(tmp_path, revision):
    root = song(tmp_path / "songs")
    path = root / "song.codes.npz"
    np.savez_compressed(path, books=revision, codes=drawn())
    damage(path, "codes")
    prepare("folder", root, tmp_path / "out", codec="tiny")
    [entry] = ledger(tmp_path / "out")
    assert (entry.reason, entry.sha256 != "") == ("unfit", True)
    assert "no `books` and `codes`" in entry.detail


def test_codes_that_keep_a_sound_out_keep_it_out_of_their_own_codec_alone(tmp_path, revision):
    root = song(tmp_path / "songs", books=revision, codes=drawn()[:, 1:])
    prepare("folder", root, tmp_path / "out", codec="tiny")
    assert prepare("folder", root, tmp_path / "out")[0].tracks == 1
    assert prepare("folder", root, tmp_path / "out", codec="tiny")[0].tracks == 0
    _, progress = prepare("folder", root, tmp_path / "out", codec="tiny")
    assert progress.reused == 1


def test_a_file_that_only_calls_itself_codes_keeps_the_sound_out(tmp_path):
    root = song(tmp_path / "songs")
    (root / "song.codes.npz").write_bytes(b"PK and nothing")
    prepare("folder", root, tmp_path / "out", codec="tiny")
    [entry] = ledger(tmp_path / "out")
    assert entry.reason == "unfit"
    assert "no `books` and `codes`" in entry.detail
