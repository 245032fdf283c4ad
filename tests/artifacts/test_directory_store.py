import contextlib
import hashlib
import json
import multiprocessing
import os
import stat
import subprocess
from pathlib import Path

import pytest
from places import SONG, everybody, put

from muscgen.artifacts import Artifact, DirectoryStore
from muscgen.artifacts import files as artifact_files
from muscgen.errors import ArtifactNotFound, StoreFull


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "artifacts", clock=lambda: 1_000.0)


def path_of(store: DirectoryStore, artifact: Artifact) -> Path:
    return store._root / artifact.id[:2] / f"{artifact.id}.flac"


def contents(store: DirectoryStore) -> list[Path]:
    return [path for path in store._root.rglob("*") if path.is_file() and path.name != ".lock"]


def test_content_lies_under_its_digest_and_another_store_finds_it(store):
    artifact = put(store)

    assert path_of(store, artifact).read_bytes() == SONG
    assert DirectoryStore(store._root).get(artifact.id) == artifact


def test_nobody_else_can_read(store):
    artifact = put(store)

    assert stat.S_IMODE(store._root.stat().st_mode) == 0o700
    assert stat.S_IMODE(path_of(store, artifact).parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in contents(store)} == {0o600}


def test_an_open_file_outlives_its_artifact(store):
    artifact = put(store)
    with store.open(artifact.id) as file:
        store.release(artifact.id, "job_1")
        assert file.read() == SONG


def test_a_damaged_record_is_reported_and_left_to_be_looked_at(store, caplog):
    artifact = put(store)
    record = path_of(store, artifact).with_suffix(".json")
    record.write_text("{")

    with pytest.raises(ArtifactNotFound):
        store.get(artifact.id)
    assert "artifact.record_damaged" in caplog.text
    store.sweep(everybody)
    assert record.with_suffix(".flac").exists()


class Crash(BaseException):
    """The process ends here: no handler runs that a killed process would not run."""


def crashing_at(monkeypatch, step: int) -> None:
    """Die at the n-th call that changes the disk."""
    calls = iter(range(1_000))

    def dying(original):
        def call(*args, **kwargs):
            if next(calls) == step:
                raise Crash
            return original(*args, **kwargs)

        return call

    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


@pytest.mark.parametrize("step", range(10))
def test_a_crash_in_a_put_leaves_the_whole_song_or_none(store, monkeypatch, step):
    put(store, b"before", "job_0")
    digest = hashlib.sha256(SONG).hexdigest()
    with monkeypatch.context() as patch:
        crashing_at(patch, step)
        crashed = False
        try:
            put(store)
        except Crash:
            crashed = True

    try:
        assert store.verify(digest)
    except ArtifactNotFound:
        assert crashed
    store.sweep(everybody)
    assert len(contents(store)) in (2, 4)
    put(store)
    assert store.verify(digest)


@pytest.mark.parametrize("step", range(6))
def test_a_crash_in_a_release_leaves_the_whole_song_or_none(store, monkeypatch, step):
    artifact = put(store)
    with monkeypatch.context() as patch:
        crashing_at(patch, step)
        with contextlib.suppress(Crash):
            store.release(artifact.id, "job_1")

    try:
        assert store.verify(artifact.id)
    except ArtifactNotFound:
        store.sweep(everybody)
        assert contents(store) == []


def test_a_full_disk_leaves_nothing_behind(store, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    store._root.mkdir()
    (store._root / hashlib.sha256(SONG).hexdigest()[:2]).mkdir()
    monkeypatch.setattr(artifact_files.os, "fsync", full)
    with pytest.raises(StoreFull, match="no space"):
        put(store)
    assert contents(store) == []


def _churn(root: Path, name: str) -> None:
    store = DirectoryStore(root)
    for turn in range(15):
        artifact = put(store, owner=f"{name}_{turn}")
        assert store.verify(artifact.id)  # nobody else's release takes it away
        store.release(artifact.id, f"{name}_{turn}")
    put(store, owner=name)


def test_processes_do_not_take_each_others_songs(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_churn, args=(tmp_path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    store = DirectoryStore(tmp_path)
    assert store.owners(hashlib.sha256(SONG).hexdigest()) == set("abc")


def test_the_record_is_readable_by_people(store):
    artifact = put(store, expires_at=5.0)
    record = json.loads(path_of(store, artifact).with_suffix(".json").read_text())

    assert record["version"] == 1
    assert record["owners"] == {"job_1": 5.0}


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a small file system")
def test_a_full_disk_is_said_so_and_keeps_nothing_half(tmp_path):
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("no file system can be made here")
    try:
        store = DirectoryStore(tmp_path / "store")
        facts = {
            "content_type": "audio/wav",
            "extension": "wav",
            "duration_s": 1.0,
            "sample_rate": 8,
            "channels": 1,
        }
        kept = store.put(b"small", owner="a", **facts)
        with pytest.raises(StoreFull):
            store.put(bytes(400_000), owner="b", **facts)
        names = [path.name for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]
        assert sorted(names) == [f"{kept.id}.json", f"{kept.id}.wav"]
        assert store.put(b"also small", owner="b", **facts).bytes == 10
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
