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
from muscgen.data.preparer import Job
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
