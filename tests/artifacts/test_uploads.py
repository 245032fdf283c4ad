"""What clients bring: kept from a file, owned by several, and until when by its owner's name."""

from __future__ import annotations

import hashlib

import pytest

from muscgen.artifacts import DirectoryStore, is_upload, is_upload_of, upload_expires_at, upload_owner
from muscgen.errors import ArtifactNotFound

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


def test_a_file_is_kept_from_its_beginning(store, tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "song").write_bytes(content)
    with (tmp_path / "song").open("rb") as file:
        file.seek(77)
        kept = store.put(file, owner="a", **KIND)
    assert (kept.id, kept.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert store.put(content, owner="a", **KIND).id == kept.id
    with store.open(kept.id, verify=True) as back:
        assert back.read() == content


def test_a_shared_file_stays_until_the_last_owner_goes(store):
    kept = store.put(b"song", owner="a", expires_at=5.0, **KIND)
    assert store.share(kept.id, "b", 9.0).expires_at == 9.0
    assert store.owners(kept.id) == {"a", "b"}
    assert not store.release(kept.id, "a")
    assert store.release(kept.id, "b")


@pytest.mark.parametrize("artifact_id", ["0" * 64, "../x", ""])
def test_what_is_not_there_cannot_be_shared(store, artifact_id):
    with pytest.raises(ArtifactNotFound):
        store.share(artifact_id, "a")


@pytest.mark.parametrize("tenant", ["", "t1", "with_line", "anyone_else"])
def test_an_owners_name_says_whose_and_until_when(tenant):
    owner = upload_owner(tenant, 1_800_000_000.123)
    assert upload_expires_at(owner) == 1_800_000_000.123
    assert is_upload_of(owner, tenant)
    assert not is_upload_of(owner, tenant + "x")
    assert owner != upload_owner(tenant, 1_800_000_000.123)


def test_a_job_is_no_upload():
    assert not is_upload("01J-some-job")
    with pytest.raises(ValueError, match="no upload"):
        upload_expires_at("upload_x")
