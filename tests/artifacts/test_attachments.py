"""Small companions of an artifact: they live and go with it."""

from __future__ import annotations

import pytest
from obstore.store import MemoryStore
from places import bucket_of, directory, put

from muscgen.artifacts import Artifact
from muscgen.artifacts import files as artifact_files
from muscgen.errors import ArtifactNotFound, StoreFull


@pytest.fixture
def song(store) -> Artifact:
    return put(store, b"song", "a")


def test_what_was_attached_is_read_back(store, song):
    store.attach(song.id, "receipt.json", b"{}")
    store.attach(song.id, "c2pa", b"manifest")

    assert store.attachment(song.id, "receipt.json") == b"{}"
    assert store.attachment(song.id, "c2pa") == b"manifest"
    with store.open(song.id, verify=True) as file:
        assert file.read() == b"song"


def test_the_same_name_again_takes_its_place(place, store, song):
    store.attach(song.id, "receipt.json", b"first")
    store.attach(song.id, "receipt.json", b"second")
    store.attach(song.id, "receipt.json", b"second")

    assert store.attachment(song.id, "receipt.json") == b"second"
    assert len(place.names()) == 3


def test_they_stay_as_long_as_anybody_owns_the_artifact(place, store, song):
    store.attach(song.id, "receipt.json", b"{}")
    put(store, b"song", "b")
    store.release(song.id, "a")

    assert store.attachment(song.id, "receipt.json") == b"{}"
    store.release(song.id, "b")
    assert place.names() == set()


def test_the_sweep_takes_them_with_the_artifact_and_leaves_the_others(place, store, song):
    kept = put(store, b"kept", "living")
    for artifact in (song, kept):
        store.attach(artifact.id, "receipt.json", artifact.id.encode())

    assert store.sweep(lambda owner: owner == "living") == 1
    assert store.attachment(kept.id, "receipt.json") == kept.id.encode()
    assert len(place.names()) == 3
    with pytest.raises(ArtifactNotFound):
        store.attachment(song.id, "receipt.json")


def test_nothing_is_attached_to_what_is_not_there(place, store, song):
    store.release(song.id, "a")
    for artifact_id in (song.id, "0" * 64, "../x", ""):
        with pytest.raises(ArtifactNotFound):
            store.attach(artifact_id, "receipt.json", b"{}")
        with pytest.raises(ArtifactNotFound):
            store.attachment(artifact_id, "receipt.json")
    assert place.names() == set()


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


def test_a_content_that_comes_again_has_nothing_of_its_earlier_life(store, song):
    store.attach(song.id, "receipt.json", b"old")
    store.release(song.id, "a")

    put(store, b"song", "b")
    with pytest.raises(ArtifactNotFound):
        store.attachment(song.id, "receipt.json")


def test_nor_has_it_after_a_crash(tmp_path, monkeypatch):
    place = directory(tmp_path, [1.0])
    store = place.again()
    song = put(store, b"song", "a")
    store.attach(song.id, "receipt.json", b"old")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(artifact_files, "sync", killed)
        with pytest.raises(KeyboardInterrupt):
            store.release(song.id, "a")
    assert len(place.names()) > 0

    put(store, b"song", "b")
    with pytest.raises(ArtifactNotFound):
        store.attachment(song.id, "receipt.json")


def test_what_a_crash_left_is_swept(tmp_path):
    for place in (directory(tmp_path, [1e12]), bucket_of(MemoryStore(), tmp_path, [1e12])):
        store = place.again()
        song = put(store, b"song", "a")
        store.attach(song.id, "receipt.json", b"old")
        place.lose_record(song.id)

        store.sweep(lambda _: True)
        assert place.names() == set()


def test_a_full_disk_leaves_the_earlier_one(tmp_path, monkeypatch):
    store = directory(tmp_path, [1.0]).again()
    song = put(store, b"song", "a")
    store.attach(song.id, "receipt.json", b"first")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifact_files.os, "fsync", full)
    with pytest.raises(StoreFull):
        store.attach(song.id, "receipt.json", b"second")
    assert store.attachment(song.id, "receipt.json") == b"first"
