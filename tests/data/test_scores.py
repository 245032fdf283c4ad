"""Songs that are given as codes, without a sound, in packs."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import MUSCGEN_TINY, random_checkpoint
from typer.testing import CliRunner

from data.runs import damage, ledger, manifest_of, prepare
from muscgen.backends.listening import books_revision
from muscgen.backends.loading import Choice
from muscgen.cli.app import app
from muscgen.data.place import Place
from muscgen.data.preparer import codec_choice
from muscgen.data.revoking import revoke
from muscgen.data.run import Wish
from muscgen.data.run import prepare as run
from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.models.card import read_card
from muscgen.models.checkpoint import Checkpoint
from muscgen.training import codec_loop, loop
from muscgen.training.codec_config import CodecTraining
from muscgen.training.config import Config

LICENCE = "CC-BY-4.0"


@pytest.fixture(scope="module")
def revision():
    return books_revision(Checkpoint(MUSCGEN_TINY))


def drawn(seed: int, frames: int = 60, books: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2048, (books, frames)).astype(np.int16)


def said(n: int, **more: Any) -> dict[str, Any]:
    return {
        "artist": f"Artist {n}",
        "license": LICENCE,
        "description": f"words of {n}",
        "split": "train",
    } | more


def pack(path: Path, books: str, songs: list[np.ndarray], lines: list[dict[str, Any]] | None = None) -> Path:
    """NAME.codes.npz and NAME.jsonl; returns their folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    starts = np.cumsum([0, *(song.shape[1] for song in songs)])[:-1]
    np.savez(path.with_name(f"{path.name}.codes.npz"), books=books, codes=np.hstack(songs), starts=starts)
    lines = [said(n) for n in range(len(songs))] if lines is None else lines
    path.with_name(f"{path.name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path.parent


def held(out: Path) -> dict[str, dict[str, bytes]]:
    """What the shards hold of each track."""
    found: dict[str, dict[str, bytes]] = {}
    for shard in sorted((out / "shards").glob("*.tar")):
        with tarfile.open(shard) as tar:
            for entry in tar:
                name, _, ending = entry.name.partition(".")
                found.setdefault(name, {})[ending] = tar.extractfile(entry).read()
    return found


def test_a_pack_becomes_a_set_without_sounds(tmp_path, revision):
    songs = [drawn(0), drawn(1, 75), drawn(2)]
    lines = [said(0, bpm=93.75, key="A minor", genre="jazz"), said(1), said(2, split="valid")]
    root = pack(tmp_path / "songs" / "one", revision, songs, lines)
    manifest, progress = prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    assert (progress.listed, progress.done, progress.bad) == (3, 3, 0)
    assert progress.audio_s == pytest.approx(1.2 + 1.5 + 1.2)
    assert {name: count.tracks for name, count in manifest.splits.items()} == {
        "train": 2, "valid": 1, "test": 0,
    }  # fmt: skip
    assert manifest.license == LICENCE
    found = held(tmp_path / "out")
    assert all(set(parts) == {"json", "codes.npy"} for parts in found.values())
    for entry, song in zip(ledger(tmp_path / "out"), songs, strict=True):
        codes = np.load(io.BytesIO(found[entry.id]["codes.npy"]))
        assert codes.dtype == np.int16
        assert np.array_equal(codes, song)
        assert entry.path == "one.codes.npz"
        assert entry.evidence[0]["source"].startswith("one.jsonl line ")
    text = json.loads(found[ledger(tmp_path / "out")[0].id]["json"])
    assert (text["bpm"], text["key"], text["description"]) == (93.75, "A minor", "words of 0")
    assert text["file_extension"] == ""
    assert not list((tmp_path / "out").rglob("*.flac"))
    assert not (tmp_path / "out" / "egs").exists()
    assert "Artist 1" in (tmp_path / "out" / "ATTRIBUTION.md").read_text()


def test_the_same_packs_give_the_same_manifest_and_shards_that_hold_are_left(tmp_path, revision):
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0), drawn(1)])
    first, _ = prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    [shard] = (tmp_path / "out" / "shards").glob("*.tar")
    stamp = shard.stat().st_mtime_ns
    again, _ = prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    elsewhere, _ = prepare("codes", root, tmp_path / "else", codec="tiny", workers=None)
    assert first == again == elsewhere
    assert shard.stat().st_mtime_ns == stamp
    pack(root / "one", revision, [drawn(0), drawn(5)])
    changed, _ = prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    assert changed.sha256 != first.sha256
    assert np.array_equal(
        np.load(io.BytesIO(held(tmp_path / "out")[ledger(tmp_path / "out")[1].id]["codes.npy"])), drawn(5)
    )


@pytest.mark.parametrize(
    ("song", "books", "reason", "words"),
    [
        (drawn(1, 40), None, "too_short", "it lasts 0.80 s; 1 s are needed"),
        (drawn(1) + 1_000, None, "unfit", "not all from 0 to 2047"),
        (drawn(1) - 2_048, None, "unfit", "not all from 0 to 2047"),
        (drawn(1, books=8), None, "unfit", "8 codebooks; tiny has 4"),
        (drawn(1), "of another", "unfit", "its codes are of the codebooks of another"),
    ],
)
def test_a_song_that_the_codec_cannot_have_said_is_out_with_its_reason(
    tmp_path, revision, song, books, reason, words
):
    pack(tmp_path / "songs" / "bad", books or revision, [song])
    root = pack(tmp_path / "songs" / "good", revision, [drawn(0)])
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    bad, good = ledger(tmp_path / "out")
    assert good.is_in
    assert (bad.decision, bad.reason) == ("out", reason)
    assert words in bad.detail


def test_rights_hold_for_songs_as_for_sounds_and_the_same_codes_are_one_song(tmp_path, revision):
    lines = [said(0), said(1, license="CC-BY-NC-4.0"), said(2, license=""), said(3), said(4)]
    lines += [said(5, License="All rights reserved"), said(6, license={"name": "Mine"})]
    songs = [drawn(0), drawn(1), drawn(2), drawn(0), drawn(1), drawn(5), drawn(6)]
    root = pack(tmp_path / "songs" / "one", revision, songs, lines)
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    reasons = [str(entry.reason) for entry in ledger(tmp_path / "out")]
    assert reasons == [
        "permitted", "not_for_this_use", "unknown_licence", "duplicate", "conflict", "unknown_licence",
        "unknown_licence",
    ]  # fmt: skip


def test_a_licence_of_the_folder_and_an_owners_statement_hold_for_its_packs(tmp_path, revision):
    nothing = [said(0, license="")]
    pack(tmp_path / "songs" / "free" / "one", revision, [drawn(0)], nothing)
    (tmp_path / "songs" / "free" / "LICENSE").write_text("https://creativecommons.org/licenses/by/4.0/")
    root = pack(tmp_path / "songs" / "given", revision, [drawn(1)], nothing)
    statement = {"reference": "contract-7", "holder": "Ada", "basis": "own", "uses": ["commercial"]}
    (root / "consent.jsonl").write_text(json.dumps(statement | {"tracks": ["given*"]}))
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    assert [entry.license for entry in ledger(tmp_path / "out")] == [
        LICENCE, "LicenseRef-consent-contract-7",
    ]  # fmt: skip
    assert all(entry.is_in for entry in ledger(tmp_path / "out"))


def test_a_song_that_is_taken_back_leaves_the_next_manifest(tmp_path, revision):
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0), drawn(1)])
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    first = ledger(tmp_path / "out")[0]
    assert revoke(Place(tmp_path / "out"), track=first.id, by="Ada").tracks == (first.id,)
    with pytest.raises(ConfigurationError, match="taken back"):
        manifest_of(tmp_path / "out")
    manifest, _ = prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    assert manifest.tracks == 1
    assert first.id not in held(tmp_path / "out")


def test_a_song_that_was_taken_back_stays_out_where_its_pack_has_others_before_it(tmp_path, revision):
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0), drawn(1)])
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    revoke(Place(tmp_path / "out"), track=ledger(tmp_path / "out")[0].id, by="Ada")
    pack(root / "one", revision, [drawn(2), drawn(0), drawn(1), drawn(3)])
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    reasons = [str(entry.reason) for entry in ledger(tmp_path / "out")]
    assert reasons[1:] == ["revoked", "permitted", "permitted"]


def test_what_names_no_song_is_told(tmp_path, revision):
    root = pack(tmp_path / "songs" / "long", revision, [drawn(0)], [said(0), said(1)])
    pack(root / "short", revision, [drawn(1), drawn(2)], [said(0)])
    pack(root / "torn", revision, [drawn(3), drawn(4)])
    (root / "torn.jsonl").write_text('{"license": \n["no object"]\n')
    pack(root / "alone", revision, [drawn(5)])
    (root / "alone.jsonl").unlink()
    (root / "fields.jsonl").write_text("{}")
    (root / "zip.codes.npz").write_bytes(b"PK and nothing")
    (root / "zip.jsonl").write_text("{}")
    np.savez_compressed(root / "rotten.codes.npz", books=revision, codes=drawn(7), starts=[0])
    damage(root / "rotten.codes.npz", "codes")
    (root / "rotten.jsonl").write_text("{}")
    np.savez(root / "back.codes.npz", books=revision, codes=drawn(6), starts=[0, 50, 20])
    (root / "back.jsonl").write_text("{}")
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    told = {entry.path: entry.detail for entry in ledger(tmp_path / "out") if entry.reason == "malformed"}
    assert told.pop("rotten.codes.npz").startswith("it holds no books, codes, starts")
    assert told.pop("zip.codes.npz").startswith("it holds no books, codes, starts")
    assert told.pop("torn.jsonl line 1").startswith("it is no JSON")
    assert told == {
        "long.jsonl line 2": "long.codes.npz has 1 songs",
        "short.codes.npz song 2": "short.jsonl has no line of it",
        "torn.jsonl line 2": "it is no object of fields",
        "alone.codes.npz": "there is no alone.jsonl",
        "fields.jsonl": "there is no fields.codes.npz",
        "back.codes.npz": "its starts do not ascend from 0 to its 60 frames",
    }
    assert sum(entry.is_in for entry in ledger(tmp_path / "out")) == 2


def test_a_pack_that_would_fill_the_memory_is_not_unpacked(tmp_path, revision, monkeypatch):
    monkeypatch.setattr("muscgen.data.readers.packs.MOST_BYTES", 400)
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0)])
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    [entry] = ledger(tmp_path / "out")
    assert "400 are allowed" in entry.detail


def test_stereo_songs_have_the_codes_of_both_channels(tmp_path):
    base = random_checkpoint(tmp_path / "stereo", stereo=True)
    root = pack(tmp_path / "songs" / "one", books_revision(Checkpoint(base)), [drawn(0, books=8)])
    codec, sound = codec_choice("stereo", base, Choice("onnx", "cpu", "fp32"), tmp_path / "cache")
    manifest, _ = run(Wish("codes", root, "commercial", tmp_path / "out", sound, codec=codec), lambda _: None)
    assert (manifest.tracks, manifest.channels, manifest.codec.codebooks) == (1, 2, 8)


def test_what_codes_cannot_have_is_refused(tmp_path, revision):
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0)])
    with pytest.raises(InvalidRequest, match="say whose") as refusal:
        prepare("codes", root, tmp_path / "out", workers=None)
    assert refusal.value.param == "codec"
    with pytest.raises(InvalidRequest, match="--workers is for sounds"):
        prepare("codes", root, tmp_path / "out", codec="tiny", workers=2)
    with pytest.raises(InvalidRequest, match="--ray is for sounds"):
        prepare("codes", root, tmp_path / "out", codec="tiny", workers=None, ray="local")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="holds no pack of codes"):
        prepare("codes", tmp_path / "empty", tmp_path / "out", codec="tiny", workers=None)


def test_the_command_prepares_packs_without_the_extra(tmp_path, revision, monkeypatch):
    monkeypatch.setattr("muscgen.cli.preparing.find_spec", lambda _: None)
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0)])
    words = ["data", "prepare", "codes", root, "--use", "commercial", "--codec", "muscgen-tiny"]
    words += ["--out", tmp_path / "out", "--home", tmp_path / "home"]
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, done.output
    assert "1 of 1 tracks are in" in done.stdout


def test_who_learns_from_codes_takes_them_and_who_needs_sound_is_told_that_there_is_none(tmp_path, revision):
    root = pack(tmp_path / "songs" / "one", revision, [drawn(0)])
    prepare("codes", root, tmp_path / "out", codec="tiny", workers=None)
    usual = {
        "id": "ours/x",
        "out": tmp_path / "model",
        "data": (tmp_path / "out",),
        "base": str(MUSCGEN_TINY),
    }
    base = read_card(MUSCGEN_TINY)
    [clip] = loop.plan(Config(**usual), base).data[0].clips["train"]
    assert np.array_equal(clip.codes(), drawn(0))
    assert codec_loop.plan(CodecTraining(**usual), base).data[0].clips["train"]
    for learn in ("decoder", "all"):
        with pytest.raises(ConfigurationError, match="holds codes without sounds"):
            codec_loop.plan(CodecTraining(**usual, learn=learn), base)
