"""From a data set on disk to shards, through the door that the command line uses."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import MUSCGEN_TINY

from data import layouts
from data.runs import ledger, prepare, records
from data.tunes import tune, write
from muscgen.backends.onnx import OnnxBackend
from muscgen.data.place import Place
from muscgen.data.splits import Shares, Splits
from muscgen.data.work import Sound
from muscgen.errors import InvalidRequest

BY = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """FMA's small subset for commercial use, with the codes of the shipped codec."""
    folder = tmp_path_factory.mktemp("prepared")
    root = layouts.fma(folder / "fma", 60)
    (root / "fma_small" / "000" / "000003.mp3").write_bytes(b"no sound")
    manifest, progress = prepare("fma", root, folder / "out", codec="muscgen-tiny", workers=2)
    return root, folder / "out", manifest, progress


def test_every_track_is_in_the_ledger_with_its_reason_and_its_digest(prepared):
    _, out, manifest, progress = prepared
    found = ledger(out)
    assert len(found) == progress.listed == 30
    assert {entry.reason for entry in found} == {
        "permitted", "not_for_this_use", "no_derivatives", "unknown_licence", "wrong_checksum",
    }  # fmt: skip
    assert all(len(entry.sha256) == 64 for entry in found)
    assert {entry.license for entry in found if entry.is_in} == {"CC-BY-4.0", "CC0-1.0", "CC-BY-SA-3.0"}
    assert manifest.tracks == sum(entry.is_in for entry in found) > 3
    assert manifest.license == "CC-BY-4.0 AND CC-BY-SA-3.0 AND CC0-1.0"


def test_no_artist_is_in_two_splits(prepared):
    _, out, manifest, _ = prepared
    by_artist: dict[str, set[str | None]] = {}
    for entry in ledger(out):
        if entry.is_in:
            by_artist.setdefault(entry.artist, set()).add(entry.split)
    assert all(len(splits) == 1 for splits in by_artist.values())
    assert sum(count.tracks > 0 for count in manifest.splits.values()) >= 2


def test_sounds_are_of_one_kind_and_as_loud_as_they_were(prepared):
    root, out, _, _ = prepared
    entry = next(entry for entry in ledger(out) if entry.is_in)
    sound, rate = soundfile.read(Place(out).clip(entry.id), always_2d=True)
    original, _ = soundfile.read(root / entry.path, always_2d=True)
    assert (rate, sound.shape[1]) == (32_000, 1)
    assert len(sound) / rate == pytest.approx(len(original) / 44_100, abs=0.01)
    assert sound.std() == pytest.approx(original.std(), rel=0.02)


def test_codes_are_those_that_the_model_hears(prepared):
    _, out, manifest, _ = prepared
    backend = OnnxBackend.load(MUSCGEN_TINY, precision="fp32", rows=1)
    [record] = [record for record in records(out) if "clip" in record][:1]
    codes = np.load(Place(out).codes(manifest.codec.revision, record["clip"]["sha256"]))
    sound, _ = soundfile.read(Place(out).clip(record["id"]), dtype="float32", always_2d=True)
    whole = len(sound) // 640 * 640
    assert codes.shape == (4, whole // 640)
    assert np.array_equal(codes, backend.encode_audio(np.ascontiguousarray(sound[:whole].T)))
    backend.close()


def test_a_set_that_is_prepared_again_is_the_same_and_nothing_is_done_twice(prepared, tmp_path):
    root, out, manifest, _ = prepared
    again, progress = prepare("fma", root, out, codec="muscgen-tiny", workers=1)
    assert again == manifest
    assert progress.reused == progress.done == progress.orders
    elsewhere, progress = prepare("fma", root, tmp_path / "elsewhere", codec="muscgen-tiny", workers=1)
    assert progress.reused == 0
    assert elsewhere.sha256 == manifest.sha256
    assert shards(tmp_path / "elsewhere") == shards(out)


def shards(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("shards/*.tar"))}


READ_SHARDS = """
import json, sys, webdataset
for path in sys.argv[1:]:
    for sample in webdataset.WebDataset(path, shardshuffle=False).decode():
        print(json.dumps([sample["__key__"], list(sample["codes.npy"].shape), sample["json"]["name"],
                          sample["flac"][:4].decode()]))
"""


def test_a_shard_is_a_web_dataset(prepared):
    _, out, manifest, _ = prepared
    paths = [str(out / "shards" / shard.name) for shard in manifest.shards]
    # in a process of its own, since webdataset leaves its files open
    done = subprocess.run([sys.executable, "-c", READ_SHARDS, *paths], capture_output=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {key for key, *_ in found} == {entry.id for entry in ledger(out) if entry.is_in}
    for key, shape, name, start in found:
        assert (name, start, shape[0]) == (key, "fLaC", 4)
        assert shape[1] == pytest.approx(100, abs=5)


def test_nothing_of_a_shard_depends_on_when_or_who(prepared):
    _, out, manifest, _ = prepared
    with tarfile.open(out / "shards" / manifest.shards[0].name) as tar:
        assert {(entry.mtime, entry.uid, entry.uname, entry.mode) for entry in tar} == {(0, 0, "", 0o644)}


def folder(tmp_path: Path, *names: str, seconds: float = 2.0) -> Path:
    root = tmp_path / "songs"
    for seed, name in enumerate(names):
        write(root / name, seed, seconds, 32_000)
    (root / "LICENSE").write_text(f"CC BY 4.0: {BY}")
    return root


def test_bad_files_are_told_and_the_others_prepared(tmp_path):
    root = folder(tmp_path, "a/good.wav", "a/short.wav", "b/silent.wav", "b/loud.flac", "c/copy.wav")
    soundfile.write(root / "a" / "short.wav", np.zeros((1_000, 1)), 32_000)
    soundfile.write(root / "b" / "silent.wav", np.zeros((96_000, 1)), 32_000)
    soundfile.write(root / "b" / "loud.flac", (tune(5, 2.0, 32_000) * 30).clip(-1, 1), 32_000)
    (root / "c" / "copy.wav").write_bytes((root / "a" / "good.wav").read_bytes())
    (root / "c" / "cut.mp3").write_bytes(write(tmp_path / "x.mp3", 9).read_bytes()[:3_000] + b"\xff" * 9_000)
    (root / "c" / "text.wav").write_text("no sound at all")
    (root / "c" / "empty.wav").touch()
    nan = tune(6, 2.0, 32_000)
    nan[500] = np.nan
    soundfile.write(root / "c" / "nan.wav", nan, 32_000, subtype="FLOAT")
    manifest, _ = prepare("folder", root, tmp_path / "out", workers=2)
    found = {entry.path: entry for entry in ledger(tmp_path / "out")}
    assert {path: str(entry.reason) for path, entry in found.items() if path != "c/cut.mp3"} == {
        "a/good.wav": "permitted",
        "a/short.wav": "too_short",
        "b/silent.wav": "silent",
        "b/loud.flac": "clipped",
        "c/copy.wav": "duplicate",
        "c/text.wav": "unreadable",
        "c/empty.wav": "unreadable",
        "c/nan.wav": "unreadable",
    }
    assert not found["c/cut.mp3"].is_in
    assert "not finite" in found["c/nan.wav"].detail
    assert found["c/copy.wav"].detail == f"the same bytes as {found['a/good.wav'].id}"
    assert manifest.tracks == 1


def test_a_recording_that_comes_twice_is_learnt_once(tmp_path):
    root = folder(tmp_path, "one.wav", "two.wav", seconds=8.0)
    sound, _ = soundfile.read(root / "one.wav")
    soundfile.write(root / "zwei.mp3", sound[40_000:] * 0.5, 32_000)
    prepare("folder", root, tmp_path / "out")
    found = {entry.path: entry for entry in ledger(tmp_path / "out")}
    assert [str(entry.reason) for entry in found.values()] == ["permitted", "permitted", "near_duplicate"]
    assert found["zwei.mp3"].detail.startswith(f"it sounds like {found['one.wav'].id}: ")


def test_bytes_that_are_in_under_one_licence_and_out_under_another_are_out(tmp_path):
    root = folder(tmp_path, "free/one.wav", "closed/one.wav", "free/two.wav")
    (root / "closed" / "one.wav").write_bytes((root / "free" / "one.wav").read_bytes())
    (root / "closed" / "LICENSE").write_text("https://creativecommons.org/licenses/by-nc/4.0/")
    prepare("folder", root, tmp_path / "out")
    found = {entry.path: str(entry.reason) for entry in ledger(tmp_path / "out")}
    assert found == {
        "closed/one.wav": "not_for_this_use", "free/one.wav": "conflict", "free/two.wav": "permitted"
    }  # fmt: skip
    assert [path.stem.split("-")[1] for path in (tmp_path / "out").glob("clips/*/*.flac")] == ["two"]


def test_what_changes_is_done_again_and_what_goes_is_removed(tmp_path):
    root = folder(tmp_path, "one.wav", "two.wav", "three.wav")
    out = tmp_path / "out"
    first, _ = prepare("folder", root, out)
    write(root / "one.wav", 77, 3.0, 32_000)
    (root / "two.wav").unlink()
    second, progress = prepare("folder", root, out)
    assert (second.tracks, progress.reused) == (2, 1)
    assert second.seconds == pytest.approx(first.seconds - 1.0)
    assert len(list(out.glob("clips/*/*.flac"))) == 2
    assert len(list(out.glob("manifests/*.json"))) == 2


def test_a_caption_that_changes_changes_the_shard_without_new_work(tmp_path):
    root = folder(tmp_path, "one.wav")
    first, _ = prepare("folder", root, tmp_path / "out")
    (root / "one.txt").write_text("a piano in the rain")
    second, progress = prepare("folder", root, tmp_path / "out")
    assert progress.reused == 1
    assert first.shards[0].sha256 != second.shards[0].sha256
    [text] = (tmp_path / "out").glob("clips/*/*.json")
    assert json.loads(text.read_text())["description"] == "a piano in the rain"


def test_every_track_can_be_brought_to_one_loudness(tmp_path):
    root = folder(tmp_path, "loud.wav", "soft.wav")
    soundfile.write(root / "soft.wav", tune(1, 2.0, 32_000) * 0.05, 32_000)
    manifest, _ = prepare("folder", root, tmp_path / "out", sound=Sound(16_000, 2, -20.0))
    assert [record["measured"]["loudness_lufs"] for record in records(tmp_path / "out")] == [-20.0, -20.0]
    assert (manifest.sample_rate, manifest.channels, manifest.loudness_lufs) == (16_000, 2, -20.0)


def test_nsynths_records_become_the_same_sounds_as_its_files(tmp_path):
    layouts.nsynth(tmp_path / "json", 3)
    layouts.nsynth_records(tmp_path / "records", 3)
    one, _ = prepare("nsynth", tmp_path / "json", tmp_path / "one", use="commercial")
    two, _ = prepare("nsynth", tmp_path / "records", tmp_path / "two", use="commercial")
    assert one.tracks == two.tracks == 3  # notes that sound alike are no duplicates
    assert one.seconds == two.seconds == 12.0
    for record in records(tmp_path / "one"):
        mine, _ = soundfile.read(Place(tmp_path / "one").clip(record["id"]))
        twin, _ = soundfile.read(Place(tmp_path / "two").clip(record["id"]))
        assert np.abs(mine - twin).max() < 3e-4  # the files have 16 bits


def test_audioset_takes_what_somebody_has_consented_to(tmp_path):
    root = layouts.audioset(tmp_path / "set", 6)
    said = {
        "reference": "c1",
        "holder": "Eva",
        "basis": "own",
        "uses": ["noncommercial"],
        "tracks": ["audio/*"],
    }
    manifest, _ = prepare("audioset", root, tmp_path / "none", use="noncommercial")
    assert manifest.tracks == 0
    (root / "consent.jsonl").write_text(json.dumps(said | {"tracks": ["audio/*"]}))
    manifest, _ = prepare("audioset", root, tmp_path / "out", use="noncommercial")
    reasons = [str(entry.reason) for entry in ledger(tmp_path / "out")]
    assert (reasons.count("permitted"), reasons.count("unfit")) == (4, 2)
    assert "CC-BY-SA-4.0" in manifest.license  # MusicCaps' words
    assert "LicenseRef-consent-c1" in manifest.license


def test_maestro_is_not_for_sale(tmp_path):
    root = layouts.maestro(tmp_path / "set", 4)
    assert prepare("maestro", root, tmp_path / "sold", use="commercial")[0].tracks == 0
    manifest, _ = prepare("maestro", root, tmp_path / "given", use="noncommercial")
    assert manifest.tracks == 4
    assert manifest.license == "CC-BY-NC-SA-4.0"


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(InvalidRequest, match="leave nothing to train on"):
        Shares(0.5, 0.5)


def test_a_group_that_the_sets_own_splits_tear_apart_trains_where_it_trained_and_else_judges():
    splits, backwards = Splits(Shares()), Splits(Shares())
    torn = [f"instrument {n}" for n in range(20)]
    for group in torn:
        for own in ("valid", "test", "valid"):
            splits.see(group, own)
        for own in ("test", "valid"):
            backwards.see(group, own)
    splits.see("whole", "valid")
    for own in ("valid", "test", "train", "valid"):
        splits.see("learnt", own)
    assert {splits.of(group) for group in torn} == {"valid", "test"}
    assert [splits.of(group) for group in torn] == [backwards.of(group) for group in torn]
    assert (splits.of("whole"), splits.of("learnt")) == ("valid", "train")


def test_an_artist_may_be_written_with_half_a_sign(tmp_path):
    root = folder(tmp_path, "one.wav")
    (root / "one.json").write_text('{"artist": "\\ud83d"}')
    assert prepare("folder", root, tmp_path / "out")[0].tracks == 1


def test_an_output_inside_the_set_is_refused_whatever_it_is_called(tmp_path, monkeypatch):
    root = folder(tmp_path, "one.wav")
    (tmp_path / "link").symlink_to(root)
    for out in (root / "out", tmp_path / "else" / ".." / root.name / "out", tmp_path / "link" / "out"):
        with pytest.raises(InvalidRequest, match="within the data set"):
            prepare("folder", root, out)
    monkeypatch.chdir(root)
    manifest, _ = prepare("folder", Path(), Path("..") / "beside")
    assert manifest.tracks == 1


def test_two_runs_do_not_share_a_folder(tmp_path):
    root = folder(tmp_path, "one.wav")
    with Place(tmp_path / "out").alone(), pytest.raises(InvalidRequest, match="another run works"):
        prepare("folder", root, tmp_path / "out")
