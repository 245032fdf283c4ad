from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bench import Bench
from queues import audited

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
