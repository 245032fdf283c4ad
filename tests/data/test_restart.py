"""Runs that are killed, workers that die, disks that are full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.runs import ledger, prepare
from data.tunes import write
from muscgen.data import pool
from muscgen.data.place import Place, append, lines, written
from muscgen.data.preparer import Job, Preparer
from muscgen.data.sources import Source
from muscgen.data.work import Order, Sound

SONGS = 14


def songs(root: Path, count: int = SONGS) -> Path:
    for seed in range(count):
        write(root / f"{seed:02d}.wav", seed, 2.0, 32_000)
    (root / "LICENSE").write_text("https://creativecommons.org/licenses/by/4.0/")
    return root


def files(out: Path) -> dict[str, bytes]:
    """Everything that a run leaves, but for what says how long it took and where it lies."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("run.json", ".lock") and "egs" not in path.parts
    }


def command(root: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "muscgen", "data", "prepare", "folder", str(root), "--use", "commercial"),
        *("--out", str(out), "--workers", "1", "--json"),
    ]


def test_a_run_that_is_killed_goes_on_and_leaves_what_an_undisturbed_one_leaves(tmp_path):
    root = songs(tmp_path / "songs")
    undisturbed, _ = prepare("folder", root, tmp_path / "one")
    out = tmp_path / "two"
    for wanted in (2, 7):
        process = subprocess.Popen(command(root, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(list(out.glob("work/*/*.json"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
    before = {path: path.stat().st_mtime_ns for path in out.glob("clips/*/*.flac")}
    done = subprocess.run(command(root, out), capture_output=True, check=True, timeout=100)
    made = json.loads(done.stdout)
    assert made["manifest"] == undisturbed.sha256
    assert 7 <= made["run"]["reused"] < SONGS
    kept = [path for path, stamp in before.items() if path.stat().st_mtime_ns == stamp]
    assert len(kept) >= made["run"]["reused"]  # nothing was done twice
    assert files(out) == files(tmp_path / "one")
    assert not list(out.rglob(".tmp-*"))


def test_workers_do_not_outlive_a_run_that_is_killed(tmp_path):
    root, out = songs(tmp_path / "songs"), tmp_path / "out"
    process = subprocess.Popen(command(root, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (workers := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    while not list(out.glob("work/*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = children(process.pid)
    process.kill()
    process.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        pytest.skip("needs Linux's /proc")


class Deadly(Source):
    """A file that takes the process with it which looks at it."""

    def digests(self, *, with_sha1: bool) -> tuple[str, str]:  # noqa: ARG002
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_file_that_kills_its_worker_is_told_and_the_others_are_prepared(tmp_path):
    root = songs(tmp_path / "songs", 6)
    kinds = [Deadly if n in (1, 4) else Source for n in range(6)]
    orders = [
        Order(f"t{n}", kind(str(root / f"{n:02d}.wav"), f"{n:02d}.wav"), prepare=True, notes=True)
        for n, kind in enumerate(kinds)
    ]
    job = Job(str(tmp_path / "out"), Sound(32_000, 1))
    found = {record["id"]: record for record in pool.on_this_machine(orders, job, 2)}
    assert {name: str(record["reason"]) for name, record in found.items()} == {
        f"t{n}": "unreadable" if n in (1, 4) else "permitted" for n in range(6)
    }
    assert found["t1"]["detail"] == "whatever decodes or measures it does not survive it"
    assert next(lines(Place(tmp_path / "out").record("t1"))) == found["t1"]  # as the ledger will have it


@pytest.fixture
def in_process(monkeypatch):
    """Tracks are prepared here, where a test can break what prepares them."""
    monkeypatch.setattr(
        "muscgen.data.run.on_this_machine", lambda orders, job, _workers: map(Preparer(job), orders)
    )
    return monkeypatch


def broken(error: BaseException):
    def fail(*_args, **_more):
        raise error

    return fail


def told(out: Path) -> list[tuple[str, str | None]]:
    return [(str(entry.reason), entry.split) for entry in ledger(out)]


@pytest.mark.parametrize("before", [False, True])
def test_a_track_that_breaks_a_library_is_out_with_its_old_sound_and_tried_again(
    tmp_path, in_process, before
):
    root, out = songs(tmp_path / "songs", 1), tmp_path / "out"
    if before:
        prepare("folder", root, out)
        write(root / "00.wav", 5, 2.0, 32_000)
    with in_process.context() as patched:
        patched.setattr("muscgen.data.work.measure", broken(RuntimeError("no beat")))
        manifest, progress = prepare("folder", root, out)
    assert (manifest.tracks, progress.bad) == (0, 1)
    assert told(out) == [("unreadable", None)]
    assert ledger(out)[0].detail == "RuntimeError: no beat"
    assert not list(out.glob("clips/*/*.flac"))
    assert prepare("folder", root, out)[0].tracks == 1


def test_a_sound_that_breaks_the_encoder_is_out_and_ends_no_run(tmp_path, in_process):
    root, out = songs(tmp_path / "songs", 2), tmp_path / "out"
    with in_process.context() as patched:
        patched.setattr("muscgen.data.work.soundfile.read", broken(RuntimeError("no frames")))
        assert prepare("folder", root, out, codec="tiny")[0].tracks == 0
    assert told(out) == [("unreadable", None)] * 2
    assert prepare("folder", root, out, codec="tiny")[0].tracks == 2


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_prepared(tmp_path, in_process):
    root, out = songs(tmp_path / "songs", 2), tmp_path / "out"
    digests = Source.digests

    def read(source, *, with_sha1):
        if source.name == "00.wav":
            raise OSError(5, "Input/output error")
        return digests(source, with_sha1=with_sha1)

    with in_process.context() as patched:
        patched.setattr(Source, "digests", read)
        assert prepare("folder", root, out)[0].tracks == 1
    assert [(str(entry.reason), entry.detail) for entry in ledger(out)] == [
        ("unreadable", "it cannot be read: Input/output error"), ("permitted", ""),
    ]  # fmt: skip
    assert prepare("folder", root, out)[0].tracks == 2  # the disk is well again


def test_a_file_that_changes_while_others_are_prepared_is_out(tmp_path, in_process):
    root, out = songs(tmp_path / "songs", 2), tmp_path / "out"

    def changed(orders, job, _workers):
        yield from map(Preparer(job), orders)
        write(root / "00.wav", 9, 3.0, 32_000)

    in_process.setattr("muscgen.data.run.on_this_machine", changed)
    assert prepare("folder", root, out)[0].tracks == 1
    assert told(out)[0] == ("unreadable", None)


def test_a_run_killed_after_a_sound_was_written_leaves_no_record_of_another(tmp_path, in_process):
    root, out = songs(tmp_path / "songs", 1), tmp_path / "out"
    first, _ = prepare("folder", root, out)
    before = files(out)
    with in_process.context() as patched:
        patched.setattr("muscgen.data.work.measure", broken(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            prepare("folder", root, out, sound=Sound(32_000, 1, -30.0))
    assert prepare("folder", root, out)[0] == first
    assert files(out) == before


def test_a_run_killed_between_two_shards_leaves_no_manifest_that_speaks_of_the_old_ones(tmp_path, in_process):
    root, out = songs(tmp_path / "songs", 1), tmp_path / "out"
    first, _ = prepare("folder", root, out)
    before = files(out)
    (root / "00.txt").write_text("a caption")
    with in_process.context() as patched:
        patched.setattr("muscgen.data.place.sha256_of", broken(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            prepare("folder", root, out)
    assert not (out / "manifest.json").exists()
    (root / "00.txt").unlink()
    assert prepare("folder", root, out)[0] == first
    assert files(out) == before


class Telling(Source):
    """A file that notes who looked at it."""

    def digests(self, *, with_sha1: bool) -> tuple[str, str]:
        append(Path(self.file).with_suffix(".seen"), {"pid": os.getpid()})
        return Source.digests(self, with_sha1=with_sha1)


def test_after_a_death_the_others_are_prepared_by_as_many_processes_as_before(tmp_path, caplog):
    root = songs(tmp_path / "songs", 8)
    orders = [
        Order(f"t{n}", kind(str(root / f"{n:02d}.wav"), f"{n:02d}.wav"), prepare=True, notes=True)
        for n, kind in enumerate([Deadly, *[Telling] * 7])
    ]
    found = list(pool.on_this_machine(orders, Job(str(tmp_path / "out"), Sound(32_000, 1)), 2))
    assert [record["id"] for record in found if record["reason"] != "permitted"] == ["t0"]
    assert sorted(record["id"] for record in found) == [order.id for order in orders]
    pids = {line["pid"] for path in root.glob("*.seen") for line in lines(path)}
    assert len(pids) <= 2 * 2 + 1  # the first two, two that take one file at a time, one after the death
    [told] = [record for record in caplog.records if "data.worker_died" in record.getMessage()]
    assert str(-signal.SIGKILL) in str(vars(told))


def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path):
    root = songs(tmp_path / "songs", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "clips").write_text("in the way")
    with pytest.raises(OSError, match="clips"):
        prepare("folder", root, tmp_path / "out")
    (tmp_path / "out" / "clips").unlink()
    assert prepare("folder", root, tmp_path / "out")[0].tracks == 2


def test_a_file_is_whole_or_not_there(tmp_path):
    def fail():
        with written(tmp_path / "a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_a_crash_cut_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "lines.jsonl"
    append(path, {"a": 1})
    with path.open("ab") as file:
        file.write(b'{"a": ')
    append(path, {"a": 2})
    assert list(lines(path)) == [{"a": 1}, {"a": 2}]


def test_a_record_of_another_kind_of_sound_is_not_taken(tmp_path):
    root = songs(tmp_path / "songs", 2)
    prepare("folder", root, tmp_path / "out")
    manifest, progress = prepare("folder", root, tmp_path / "out", sound=Sound(16_000, 1))
    assert progress.reused == 0
    assert manifest.sample_rate == 16_000
    Place(tmp_path / "out").clip(ledger(tmp_path / "out")[0].id).unlink()
    _, progress = prepare("folder", root, tmp_path / "out", sound=Sound(16_000, 1))
    assert progress.reused == 1
