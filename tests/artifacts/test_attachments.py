"""Small companions of an artifact: they live and go with it."""

from __future__ import annotations

import os

import pytest

from muscgen.artifacts import Artifact, DirectoryStore
from muscgen.artifacts import files as artifact_files
from muscgen.errors import ArtifactNotFound, StoreFull

KIND = {
    "content_type": "audio/wav",
    "extension": "wav",
    "duration_s": 1.0,
    "sample_rate": 8000,
    "channels": 1,
}


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def song(store) -> Artifact:
    return store.put(b"song", owner="a", **KIND)


def names(store) -> set[str]:
    return {path.name for path in store._root.rglob("*") if path.is_file() and path.name != ".lock"}


def test_what_was_attached_is_read_back(store, song):
    store.attach(song.id, "receipt.json", b"{}")
    store.attach(song.id, "c2pa", b"manifest")

    assert store.attachment(song.id, "receipt.json") == b"{}"
    assert store.attachment(song.id, "c2pa") == b"manifest"
    with store.open(song.id, verify=True) as file:
        assert file.read() == b"song"


def test_the_same_name_again_takes_its_place(store, song):
    store.attach(song.id, "receipt.json", b"first")
    store.attach(song.id, "receipt.json", b"second")
    store.attach(song.id, "receipt.json", b"second")

    assert store.attachment(song.id, "receipt.json") == b"second"
    assert len(names(store)) == 3


def test_they_stay_as_long_as_anybody_owns_the_artifact(store, song):
    store.attach(song.id, "receipt.json", b"{}")
    store.put(b"song", owner="b", **KIND)
    store.release(song.id, "a")

    assert store.attachment(song.id, "receipt.json") == b"{}"
    store.release(song.id, "b")
    assert names(store) == set()


def test_the_sweep_takes_them_with_the_artifact_and_leaves_the_others(store, song):
    kept = store.put(b"kept", owner="living", **KIND)
    for artifact in (song, kept):
        store.attach(artifact.id, "receipt.json", artifact.id.encode())

    assert store.sweep(lambda owner: owner == "living") == 1
    assert store.attachment(kept.id, "receipt.json") == kept.id.encode()
    assert len(names(store)) == 3
    with pytest.raises(ArtifactNotFound):
        store.attachment(song.id, "receipt.json")


def test_nothing_is_attached_to_what_is_not_there(store, song):
    store.release(song.id, "a")
    for artifact_id in (song.id, "0" * 64, "../x", ""):
        with pytest.raises(ArtifactNotFound):
            store.attach(artifact_id, "receipt.json", b"{}")
        with pytest.raises(ArtifactNotFound):
            store.attachment(artifact_id, "receipt.json")
    assert names(store) == set()


def test_what_was_not_attached_is_not_found(store, song):
    with pytest.raises(ArtifactNotFound, match="has no receipt"):
        store.attachment(song.id, "receipt.json")


@pytest.mark.parametrize("name", ["", ".json", "../x", "a/b", "a+b", "x" * 101, "é", "a\n"])
def test_names_are_plain(store, song, name):
    with pytest.raises(ValueError, match="cannot be attached"):
        store.attach(song.id, name, b"")
    with pytest.raises(ValueError, match="cannot be attached"):
        store.attachment(song.id, name)


def test_companions_are_small(store, song):
    with pytest.raises(ValueError, match="cannot be attached"):
        store.attach(song.id, "receipt.json", bytes((4 << 20) + 1))


def test_a_content_that_comes_again_has_nothing_of_its_earlier_life(store, song, monkeypatch):
    store.attach(song.id, "receipt.json", b"old")
    with monkeypatch.context() as patch:

        def killed(*_):
            raise KeyboardInterrupt

        patch.setattr(artifact_files, "sync", killed)
        with pytest.raises(KeyboardInterrupt):
            store.release(song.id, "a")
    assert f"{song.id}+receipt.json" in names(store)

    store.put(b"song", owner="b", **KIND)
    with pytest.raises(ArtifactNotFound):
        store.attachment(song.id, "receipt.json")


def test_what_a_crash_left_is_swept(store, song):
    store.attach(song.id, "receipt.json", b"old")
    store.path(song.id).with_suffix(".json").unlink()

    store.sweep(lambda _: True)
    assert names(store) == set()


def test_a_full_disk_leaves_the_earlier_one(store, song, monkeypatch):
    store.attach(song.id, "receipt.json", b"first")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull):
        store.attach(song.id, "receipt.json", b"second")
    assert store.attachment(song.id, "receipt.json") == b"first"
