"""The queue's contract holds over every kind of server: each test of it runs over all of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from queues import LEASE_S, audited

from muscgen.jobs import EmbeddedServer, Queue, connect

from .servers import REQUIRED, cluster, redis_server, trio, valkey

KINDS = ("valkey", "redis-server", "cluster", "sentinel")
_numbers = itertools.count()


@dataclass(frozen=True)
class Server:
    kind: str
    url: str


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One server of each kind for all tests that do not kill it; each test has its own key prefix.

    valkey is the one that comes with the package, redis-server the system's; the Cluster and the Sentinels
    are the system's too where it has them, and else the package's.
    """
    with tempfile.TemporaryDirectory() as folder, running(request.param, Path(folder)) as url:
        yield Server(request.param, url)


@contextlib.contextmanager
def running(kind: str, folder: Path) -> Iterator[str]:
    installed = redis_server()
    if kind == "redis-server" and installed is None:
        missing = "redis-server is not installed: apt-get install redis-server"
        pytest.fail(missing) if os.environ.get(REQUIRED) else pytest.skip(missing)
    binary = installed or valkey()
    match kind:
        case "cluster":
            with cluster(binary, folder) as url:
                yield url
        case "sentinel":
            with trio(binary, folder) as three:
                yield three.url
        case _:
            with embedded(valkey() if kind == "valkey" else binary, folder) as url:
                yield url


@contextlib.contextmanager
def embedded(binary: str, folder: Path) -> Iterator[str]:
    server = EmbeddedServer(folder)
    with pytest.MonkeyPatch.context() as patch:  # while it starts only: the fixture outlives many tests
        patch.setattr("muscgen.jobs.embedded.find_binary", lambda: Path(binary))
        server.start()
    with server:
        yield server.url


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Any]:
    client = connect(server.url)
    yield client
    await client.aclose()


@pytest.fixture
async def make_queue(client: Any) -> AsyncIterator[Callable[..., Queue]]:
    """Queues on a prefix of the test's own, which must be in order afterwards."""
    prefix = f"test{next(_numbers)}"
    async with audited(client, prefix):
        yield lambda **rules: Queue(
            client, prefix=prefix, **({"lease_s": LEASE_S, "backoff_cap_s": 0.05} | rules)
        )


@pytest.fixture
def queue(make_queue: Callable[..., Queue]) -> Queue:
    return make_queue()
