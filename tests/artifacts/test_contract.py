"""What every store does, in a folder, in memory, and in a bucket over HTTP."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from places import SONG, SOUND, everybody, nobody, put

from muscgen.errors import ArtifactNotFound, InternalError

LARGE = bytes(range(256)) * 80_000  # 20 MB: several parts, several blocks


def test_what_was_put_is_read_back(store):
    artifact = put(store, expires_at=2_000.0)

    assert artifact == store.get(artifact.id)
    assert artifact.id == artifact.sha256 == hashlib.sha256(SONG).hexdigest()
    assert (artifact.bytes, artifact.duration_s, artifact.sample_rate) == (len(SONG), 1.5, 32_000)
    assert (artifact.created_at, artifact.expires_at) == (1_000.0, 2_000.0)
    with store.open(artifact.id) as file:
        assert file.read() == SONG


def test_another_process_finds_it(place, store):
    artifact = put(store)

    assert place.again().get(artifact.id) == artifact
    with place.again().open(artifact.id) as file:
        assert file.read() == SONG


def test_results_carry_wire_names(store):
    assert set(put(store).to_dict()) == {
        "id", "sha256", "content_type", "bytes", "duration", "sample_rate", "channels", "expires_at",
    }  # fmt: skip


def test_a_file_is_kept_from_its_beginning_and_read_from_anywhere(store):
    content = io.BytesIO(LARGE)
    content.seek(77)
    artifact = put(store, content)

    assert (artifact.id, artifact.bytes) == (hashlib.sha256(LARGE).hexdigest(), len(LARGE))
    with store.open(artifact.id) as file:
        for place in (0, 5, 1 << 20, len(LARGE) - 3, 12_345_678, len(LARGE)):
            file.seek(place)
            assert file.read(1_000) == LARGE[place : place + 1_000]
        file.seek(0)
        assert hashlib.sha256(file.read()).hexdigest() == artifact.id


def test_an_empty_file_is_one_too(store):
    artifact = put(store, b"")

    assert store.verify(artifact.id)
    with store.open(artifact.id) as file:
        assert file.read() == b""


def test_equal_content_is_kept_once_and_goes_with_its_last_owner(place, store):
    artifact = put(store, owner="job_1")
    put(place.again(), owner="job_2")

    assert store.owners(artifact.id) == {"job_1", "job_2"}
    assert len(place.names()) == 2  # content and record
    assert not store.release(artifact.id, "job_1")
    assert store.verify(artifact.id)
    assert store.release(artifact.id, "job_2")
    assert place.names() == set()
    with pytest.raises(ArtifactNotFound):
        store.get(artifact.id)


def test_an_owner_may_put_and_release_as_often_as_it_likes(store):
    artifact = put(store)
    assert put(store) == artifact
    assert store.release(artifact.id, "job_1")
    assert not store.release(artifact.id, "job_1")
    assert not store.release(artifact.id, "stranger")
    assert put(store).id == artifact.id
    assert store.verify(artifact.id)


def test_a_shared_file_stays_until_the_last_owner_goes(store):
    kept = put(store, owner="a", expires_at=5.0)

    assert store.share(kept.id, "b", 9.0).expires_at == 9.0
    assert store.owners(kept.id) == {"a", "b"}
    assert not store.release(kept.id, "a")
    assert store.release(kept.id, "b")


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

    for ask in (store.get, store.look, store.open, store.verify, store.owners):
        with pytest.raises(ArtifactNotFound):
            ask(artifact_id)
    for change in (store.release, store.share):
        with pytest.raises(ArtifactNotFound):
            change(artifact_id, "job_1")


@pytest.mark.parametrize("extension", ["json", "", "../x", "a/b", "FLAC", "tar.gz", "toolongext"])
def test_extensions_are_plain(store, extension):
    with pytest.raises(ValueError, match="extension"):
        store.put(SONG, owner="job_1", **SOUND | {"extension": extension})


def test_a_store_that_nobody_used_is_empty(store):
    for ask in (store.get, store.open, store.verify):
        with pytest.raises(ArtifactNotFound):
            ask("a" * 64)
    with pytest.raises(ArtifactNotFound):
        store.share("a" * 64, "job_1")
    assert not store.release("a" * 64, "job_1")
    assert store.sweep(everybody) == 0
    store.check()


def test_a_verified_file_is_a_real_one_and_outlives_its_artifact(store):
    artifact = put(store)
    with store.open(artifact.id, verify=True) as file:
        assert file.fileno() > 0
        store.release(artifact.id, "job_1")
        assert file.read() == SONG


def test_damage_is_noticed_and_repaired_by_the_next_put(place, store):
    artifact = put(store)
    place.damage(artifact.id, b"b" + SONG[1:])

    assert not store.verify(artifact.id)
    with pytest.raises(InternalError, match="damaged"):
        store.open(artifact.id, verify=True)
    put(store, owner="job_2")
    with store.open(artifact.id, verify=True) as file:
        assert file.read() == SONG


def test_a_lost_content_is_not_found_until_it_comes_again(place, store):
    artifact = put(store)
    place.damage(artifact.id, None)

    assert not store.verify(artifact.id)
    with pytest.raises(ArtifactNotFound):
        store.open(artifact.id)
    put(store)
    assert store.verify(artifact.id)


def test_the_sweep_takes_what_no_living_job_owns(place, store):
    kept, gone = put(store, b"kept", "living"), put(store, b"gone", "dead")
    put(store, b"kept", "dead")

    assert store.sweep(lambda owner: owner == "living") == 1
    assert store.owners(kept.id) == {"living"}
    with pytest.raises(ArtifactNotFound):
        store.get(gone.id)
    assert len(place.names()) == 2
    assert store.sweep(lambda owner: owner == "living") == 0
    assert store.sweep(nobody) == 1
    assert place.names() == set()


def test_the_sweep_takes_what_a_living_job_does_not_want(store):
    shown, left = put(store, b"shown", "job"), put(store, b"left by another attempt", "job")
    put(store, b"shown", "other")

    assert store.sweep(everybody, lambda owner, artifact: (owner, artifact) != ("job", left.id)) == 1
    assert store.owners(shown.id) == {"job", "other"}
    with pytest.raises(ArtifactNotFound):
        store.get(left.id)


def test_the_sweep_sees_who_came_after_the_last_one(store):
    artifact = put(store, owner="a")
    assert store.sweep(everybody) == 0
    store.share(artifact.id, "b")

    assert store.sweep(lambda owner: owner == "b") == 0
    assert store.owners(artifact.id) == {"b"}


def test_many_threads_share_one_content(place, store):
    stores = [store, place.again()]
    with ThreadPoolExecutor(6) as pool:
        artifacts = list(pool.map(lambda n: put(stores[n % 2], owner=f"job_{n}"), range(24)))
        assert {artifact.id for artifact in artifacts} == {artifacts[0].id}
        assert store.owners(artifacts[0].id) == {f"job_{n}" for n in range(24)}
        assert store.verify(artifacts[0].id)
        went = list(pool.map(lambda n: stores[n % 2].release(artifacts[0].id, f"job_{n}"), range(24)))
    assert any(went)
    assert place.names() == set()
