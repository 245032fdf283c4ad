from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import S3, s3
from obstore.store import MemoryStore, S3Store
from places import Place, bucket_of, directory

from muscgen.artifacts import Store


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    with s3() as running:
        yield running


@pytest.fixture
def s3_store(server: S3) -> S3Store:
    config = {name.lower(): value for name, value in server.environment.items()}
    return S3Store(
        server.new_bucket(), prefix="some/prefix", config=config, client_options={"allow_http": True}
    )


@pytest.fixture(params=["directory", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    clock = [1_000.0]
    if request.param == "directory":
        return directory(tmp_path / "artifacts", clock)
    store = MemoryStore() if request.param == "memory" else request.getfixturevalue("s3_store")
    return bucket_of(store, tmp_path / "spool", clock)


@pytest.fixture
def store(place: Place) -> Store:
    return place.again()
