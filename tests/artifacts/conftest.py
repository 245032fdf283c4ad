from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import S3, s3
from obstore.store import MemoryStore, S3Store
from places import Place, bucket_of, directory, hot

from muscgen.artifacts import Store
from muscgen.jobs import EmbeddedServer
from muscgen.jobs.connect import Blocking, connect_blocking


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


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as running:
        yield running


@pytest.fixture
def hot_client(redis_server: EmbeddedServer) -> Iterator[Blocking]:
    client = connect_blocking(redis_server.url, timeout_s=5.0)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(params=["directory", "memory", "s3", "hot"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    clock = [1_000.0]
    if request.param == "hot":
        return hot(directory(tmp_path / "artifacts", clock), request.getfixturevalue("hot_client"))
    if request.param == "directory":
        return directory(tmp_path / "artifacts", clock)
    store = MemoryStore() if request.param == "memory" else request.getfixturevalue("s3_store")
    return bucket_of(store, tmp_path / "spool", clock)


@pytest.fixture
def store(place: Place) -> Store:
    return place.again()
