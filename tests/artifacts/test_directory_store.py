import contextlib
import hashlib
import json
import multiprocessing
import os
import stat
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from muscgen.artifacts import Artifact, DirectoryStore
from muscgen.artifacts import files as artifact_files
from muscgen.errors import ArtifactNotFound, InternalError, StoreFull

SONG = b"a song" * 1_000
SOUND = {
    "content_type": "audio/flac",
    "extension": "flac",
    "duration_s": 1.5,
    "sample_rate": 32_000,
    "channels": 1,
}


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "artifacts", clock=lambda: 1_000.0)


def put(store: DirectoryStore, content: bytes = SONG, owner: str = "job_1", **more) -> Artifact:
    return store.put(content, owner=owner, **SOUND, **more)


def everybody(owner: str) -> bool:
    return True


def contents(store: DirectoryStore) -> list[Path]:
    return [path for path in store._root.rglob("*") if path.is_file() and path.name != ".lock"]


def test_what_was_put_is_read_back(store):
    artifact = put(store, expires_at=2_000.0)

    assert artifact == store.get(artifact.id)
    assert artifact.id == artifact.sha256 == hashlib.sha256(SONG).hexdigest()
    assert (artifact.bytes, artifact.duration_s, artifact.sample_rate) == (len(SONG), 1.5, 32_000)
    assert (artifact.created_at, artifact.expires_at) == (1_000.0, 2_000.0)
    with store.open(artifact.id) as file:
        assert file.read() == SONG


def test_content_lies_under_its_digest_and_another_store_finds_it(store):
    artifact = put(store)

    assert store.path(artifact.id) == store._root / artifact.id[:2] / f"{artifact.id}.flac"
    assert DirectoryStore(store._root).get(artifact.id) == artifact


def test_results_carry_wire_names(store):
    assert set(put(store).to_dict()) == {
        "id", "sha256", "content_type", "bytes", "duration", "sample_rate", "channels", "expires_at",
    }  # fmt: skip


def test_nobody_else_can_read(store):
    artifact = put(store)

    assert stat.S_IMODE(store._root.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path(artifact.id).parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in contents(store)} == {0o600}


def test_equal_content_is_kept_once_and_goes_with_its_last_owner(store):
    artifact = put(store, owner="job_1")
    put(store, owner="job_2")

    assert store.owners(artifact.id) == {"job_1", "job_2"}
    assert len(contents(store)) == 2  # content and record
    assert not store.release(artifact.id, "job_1")
    assert store.verify(artifact.id)
    assert store.release(artifact.id, "job_2")
    assert contents(store) == []
    with pytest.raises(ArtifactNotFound):
        store.get(artifact.id)


def test_an_owner_may_put_and_release_as_often_as_it_likes(store):
    artifact = put(store)
    assert put(store) == artifact
    assert store.release(artifact.id, "job_1")
    assert not store.release(artifact.id, "job_1")
    assert not store.release(artifact.id, "stranger")


@pytest.mark.parametrize(
    ("times", "latest"), [((10.0, 20.0), 20.0), ((20.0, 10.0), 20.0), ((10.0, None), None)]
)
def test_an_artifact_expires_with_its_most_patient_owner(store, times, latest):
    for number, expires_at in enumerate(times):
        artifact = put(store, owner=f"job_{number}", expires_at=expires_at)

    assert artifact.expires_at == store.get(artifact.id).expires_at == latest


IDS = ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "../" * 21 + "a", "a" * 64 + "\n", "/etc/passwd", "é" * 64]


@pytest.mark.parametrize("artifact_id", IDS)
def test_what_is_no_digest_is_nobodys_file(store, artifact_id):
    put(store)

    for ask in (store.get, store.path, store.open, store.verify, store.owners):
        with pytest.raises(ArtifactNotFound):
            ask(artifact_id)
    with pytest.raises(ArtifactNotFound):
        store.release(artifact_id, "job_1")


@pytest.mark.parametrize("extension", ["json", "", "../x", "a/b", "FLAC", "tar.gz", "toolongext"])
def test_extensions_cannot_leave_the_directory_or_name_a_record(store, extension):
    with pytest.raises(ValueError, match="extension"):
        store.put(SONG, owner="job_1", **SOUND | {"extension": extension})


def test_a_store_that_nobody_used_is_empty(store):
    with pytest.raises(ArtifactNotFound):
        store.get("a" * 64)
    assert not store.release("a" * 64, "job_1")
    assert store.sweep(everybody) == 0


def test_an_open_file_outlives_its_artifact(store):
    artifact = put(store)
    with store.open(artifact.id) as file:
        store.release(artifact.id, "job_1")
        assert file.read() == SONG


def test_damage_is_noticed_and_repaired_by_the_next_put(store):
    artifact = put(store)
    store.path(artifact.id).write_bytes(b"b" + SONG[1:])

    assert not store.verify(artifact.id)
    with pytest.raises(InternalError, match="damaged"):
        store.open(artifact.id, verify=True)
    put(store, owner="job_2")
    with store.open(artifact.id, verify=True) as file:
        assert file.read() == SONG


def test_a_lost_content_is_not_found(store):
    artifact = put(store)
    store.path(artifact.id).unlink()

    assert not store.verify(artifact.id)
    with pytest.raises(ArtifactNotFound):
        store.open(artifact.id)


def test_a_damaged_record_is_reported_and_left_to_be_looked_at(store, caplog):
    artifact = put(store)
    record = store.path(artifact.id).with_suffix(".json")
    record.write_text("{")

    with pytest.raises(ArtifactNotFound):
        store.get(artifact.id)
    assert "artifact.record_damaged" in caplog.text
    store.sweep(everybody)
    assert record.with_suffix(".flac").exists()


def test_the_sweep_takes_what_no_living_job_owns(store):
    kept, gone = put(store, b"kept", "living"), put(store, b"gone", "dead")
    put(store, b"kept", "dead")

    assert store.sweep(lambda owner: owner == "living") == 1
    assert store.owners(kept.id) == {"living"}
    with pytest.raises(ArtifactNotFound):
        store.get(gone.id)


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


def test_many_threads_share_one_content(store):
    with ThreadPoolExecutor(8) as pool:
        artifacts = list(pool.map(lambda n: put(store, owner=f"job_{n}"), range(40)))
        assert {artifact.id for artifact in artifacts} == {artifacts[0].id}
        assert len(store.owners(artifacts[0].id)) == 40
        went = list(pool.map(lambda n: store.release(artifacts[0].id, f"job_{n}"), range(40)))
    assert went.count(True) == 1
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
    record = json.loads(store.path(artifact.id).with_suffix(".json").read_text())

    assert record["version"] == 1
    assert record["owners"] == {"job_1": 5.0}


owners = st.sampled_from(["a", "b", "c"])
songs = st.sampled_from([b"one", b"two", b""])


class StoreMachine(RuleBasedStateMachine):
    """The store against a dictionary of who owns what."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.store = DirectoryStore(Path(self.directory.name))
        self.model: dict[bytes, set[str]] = {}

    def teardown(self) -> None:
        self.directory.cleanup()

    @rule(song=songs, owner=owners)
    def put(self, song, owner):
        put(self.store, song, owner)
        self.model.setdefault(song, set()).add(owner)

    @rule(song=songs, owner=owners)
    def release(self, song, owner):
        left = self.model.get(song, set())
        went = left == {owner}
        left.discard(owner)
        if not left:
            self.model.pop(song, None)
        assert self.store.release(hashlib.sha256(song).hexdigest(), owner) == went

    @rule(living=st.sets(owners))
    def sweep(self, living):
        left = {song: names & living for song, names in self.model.items()}
        gone = sum(not names for names in left.values())
        self.model = {song: names for song, names in left.items() if names}
        assert self.store.sweep(living.__contains__) == gone

    @invariant()
    def agrees(self):
        for song in (b"one", b"two", b""):
            digest = hashlib.sha256(song).hexdigest()
            if song in self.model:
                assert self.store.owners(digest) == self.model[song]
                with self.store.open(digest, verify=True) as file:
                    assert file.read() == song
            else:
                with pytest.raises(ArtifactNotFound):
                    self.store.get(digest)
        assert len(contents(self.store)) == 2 * len(self.model)


StoreMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
TestStoreAgainstAModel = StoreMachine.TestCase


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
