from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bench import Bench
from fetching.hub_server import HubServer
from queues import audited
from tiny import MUSCGEN_TINY

from muscgen.jobs import EmbeddedServer

_numbers = itertools.count()


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedServer]:
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory)) as running:
        yield running


@pytest.fixture
async def bench(embedded: EmbeddedServer, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(embedded.url, f"worker{next(_numbers)}", tmp_path / "artifacts")
    async with audited(bench.client, bench.prefix):
        yield bench
    await bench.client.aclose()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub with muscgen-tiny's files under the name of a known model."""
    server = HubServer()
    unknown = shutil.ignore_patterns("card.toml", "MODEL.md")
    server.put("facebook/musicgen-small", shutil.copytree(MUSCGEN_TINY, tmp_path / "hub", ignore=unknown))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()
