"""Small files in Redis: answered without the store, within bounds, and never when they have changed."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from places import SONG, nobody, put

from muscgen.artifacts import DirectoryStore, HotStore
from muscgen.errors import ArtifactNotFound, StoreUnavailable
from muscgen.jobs.connect import connect_blocking


class Counted(DirectoryStore):
    looks = opens = 0

    def look(self, artifact_id):
        self.looks += 1
        return super().look(artifact_id)

    def open(self, artifact_id, *, verify=False):
        self.opens += 1
        return super().open(artifact_id, verify=verify)


@pytest.fixture
def inner(tmp_path):
    return Counted(tmp_path / "artifacts")


@pytest.fixture
def make(inner, hot_client):
    def made(client=hot_client, largest_bytes=10_000, total_bytes=100_000):
        return HotStore(inner, client, largest_bytes=largest_bytes, total_bytes=total_bytes)

    return made


def content(store, artifact_id):
    with store.open(artifact_id) as file:
        return file.read()


def test_what_was_asked_for_once_is_answered_by_all_replicas_without_the_store(make, inner):
    stores = [make(), make()]
    artifact = put(stores[0])
    assert content(stores[0], artifact.id) == SONG
    inner.looks = inner.opens = 0
    for store in stores:
        assert store.get(artifact.id) == artifact
        assert store.owners(artifact.id) == {"job_1"}
        assert content(store, artifact.id) == SONG
    assert inner.looks == inner.opens == 0


def test_what_is_large_is_the_stores(make, inner, hot_client):
    store = make()
    artifact = put(store, bytes(10_001))
    for _ in range(2):
        assert content(store, artifact.id) == bytes(10_001)
    assert inner.opens == 2
    assert not [name for name in hot_client.scan_iter() if b"token" not in name]


@pytest.mark.parametrize("change", ["share", "put", "release", "release_all", "sweep"])
def test_a_change_is_seen_at_once_by_all(make, inner, change):
    one, other = make(), make()
    artifact = put(one, owner="a")
    one.share(artifact.id, "b")
    content(other, artifact.id)
    if change == "share":
        one.share(artifact.id, "c")
        assert other.owners(artifact.id) == {"a", "b", "c"}
    elif change == "put":
        put(one, owner="c", expires_at=5.0)
        assert other.owners(artifact.id) == {"a", "b", "c"}
    elif change == "release":
        one.release(artifact.id, "a")
        assert other.owners(artifact.id) == {"b"}
    else:
        if change == "sweep":
            assert one.sweep(nobody) == 1
        else:
            one.release(artifact.id, "a")
            one.release(artifact.id, "b")
        for ask in (other.look, other.open):
            with pytest.raises(ArtifactNotFound):
                ask(artifact.id)


@pytest.mark.parametrize(
    "when", ["before the record is read", "before the content is read", "before it is kept"]
)
def test_a_reader_that_is_overtaken_keeps_nothing(make, inner, monkeypatch, when):
    reader, other = make(), make()
    artifact = put(other, owner="a")
    other.share(artifact.id, "b")
    overtaken = {"before the record is read": "look", "before the content is": "open"}.get(when)

    def change(original):
        def overtaking(*arguments, **more):
            monkeypatch.undo()
            other.release(artifact.id, "a")
            return original(*arguments, **more)

        return overtaking

    if overtaken:
        monkeypatch.setattr(inner, overtaken, change(getattr(inner, overtaken)))
    else:
        monkeypatch.setattr(reader, "_keep", change(reader._keep))
    content(reader, artifact.id)
    assert reader.owners(artifact.id) == {"b"}


def test_all_of_it_is_bounded_and_the_oldest_make_room(make, inner, hot_client):
    store = make(total_bytes=40_000)
    songs = [put(store, bytes([number]) * 9_000) for number in range(8)]
    for song in songs:
        content(store, song.id)
        time.sleep(0.002)  # of one millisecond, none is older
    kept = [song for song in songs if hot_client.exists(f"muscgen:{{hot}}:{song.id}")]
    assert kept == songs[-4:]
    assert 36_000 < int(hot_client.get("muscgen:{hot}:used")) <= 40_000
    for song in songs:
        store.release(song.id, "job_1")
    assert int(hot_client.get("muscgen:{hot}:used")) == 0


def test_every_key_goes_by_itself(make, hot_client, inner):
    store = make()
    artifact = put(store)
    content(store, artifact.id)
    put(store, b"never kept")
    store._token("a" * 64)
    assert all(hot_client.pttl(key) > 0 for key in hot_client.scan_iter())
    assert hot_client.pttl(f"muscgen:{{hot}}:{artifact.id}") <= 300_000


def test_it_does_not_outlive_its_artifact(inner, hot_client):
    store = HotStore(inner, hot_client, largest_bytes=10_000, total_bytes=100_000, clock=lambda: 990.0)
    soon, over = put(store, b"soon", expires_at=1_000.0), put(store, b"over", expires_at=980.0)
    content(store, soon.id), content(store, over.id)
    assert 0 < hot_client.pttl(f"muscgen:{{hot}}:{soon.id}") <= 10_000
    assert not hot_client.exists(f"muscgen:{{hot}}:{over.id}")


def test_what_redis_lost_or_changed_is_the_stores_again(make, hot_client, inner):
    store = make()
    artifact = put(store)
    content(store, artifact.id)
    for change in (
        lambda key: hot_client.hset(key, "content", b"damaged"),
        lambda key: hot_client.hset(key, "record", b"{"),
        hot_client.delete,
    ):
        change(f"muscgen:{{hot}}:{artifact.id}")
        assert content(store, artifact.id) == SONG
        assert store.owners(artifact.id) == {"job_1"}


def test_damage_in_the_store_does_not_get_in(make, inner, hot_client):
    store = make()
    artifact = put(store)
    (path,) = Path(inner._root).rglob("*.flac")
    path.write_bytes(b"damaged")
    assert content(store, artifact.id) == b"damaged"  # the API looks at the digest of what it sends
    assert not hot_client.exists(f"muscgen:{{hot}}:{artifact.id}")


def test_without_redis_all_of_it_is_the_stores_own(make, tmp_path):
    store = make(connect_blocking(f"unix://{tmp_path}/nobody.sock", timeout_s=0.2))
    artifact = put(store)
    assert content(store, artifact.id) == SONG
    store.share(artifact.id, "b")
    assert store.owners(artifact.id) == {"job_1", "b"}
    assert store.sweep(nobody) == 1


def test_a_hot_file_is_answered_while_the_store_is_away(make, inner, monkeypatch):
    store = make()
    artifact = put(store)
    content(store, artifact.id)

    def away(*_, **__):
        raise StoreUnavailable("the store of files does not answer")

    for name in ("look", "open"):
        monkeypatch.setattr(inner, name, away)
    assert content(store, artifact.id) == SONG
    assert store.owners(artifact.id) == {"job_1"}


owners, songs, processes = st.sampled_from("abc"), st.sampled_from([b"one", b"two"]), st.sampled_from([0, 1])


class HotMachine(RuleBasedStateMachine):
    """Two processes over one store and one Redis, against a dictionary."""

    client, root = None, None

    def __init__(self):
        super().__init__()
        self.client.flushall()
        store = DirectoryStore(self.root / secrets.token_hex(4))
        self.stores = [HotStore(store, self.client, largest_bytes=100, total_bytes=600) for _ in range(2)]
        self.model = {}

    @rule(song=songs, owner=owners, process=processes)
    def put(self, song, owner, process):
        put(self.stores[process], song, owner)
        self.model.setdefault(song, set()).add(owner)

    @rule(song=songs, owner=owners, process=processes)
    def release(self, song, owner, process):
        self.stores[process].release(hashlib.sha256(song).hexdigest(), owner)
        self.model.get(song, set()).discard(owner)

    @rule(song=songs, process=processes)
    def read(self, song, process):
        digest = hashlib.sha256(song).hexdigest()
        if self.model.get(song):
            assert content(self.stores[process], digest) == song
        else:
            with pytest.raises(ArtifactNotFound):
                self.stores[process].open(digest)

    @invariant()
    def agrees(self):
        for song, store in itertools.product((b"one", b"two"), self.stores):
            digest = hashlib.sha256(song).hexdigest()
            if self.model.get(song):
                assert store.owners(digest) == self.model[song]
            else:
                with pytest.raises(ArtifactNotFound):
                    store.look(digest)
        assert int(self.client.get("muscgen:{hot}:used") or 0) <= 600


def test_any_order_of_changes_and_reads_agrees_with_a_dictionary(hot_client, tmp_path):
    HotMachine.client, HotMachine.root = hot_client, tmp_path
    limits = settings(max_examples=15, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(HotMachine, settings=limits)
