from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from muscgen.jobs import EmbeddedServer, Queue, connect, process
from muscgen.request import SongRequest

MODEL = "muscgen-tiny"
# Bookkeeping of constant size, or that sweep() prunes.
KEPT = re.compile(r"(models|seq|clock|tick|jobs|expiring|dead|paused|cache|cacheages|cachebytes)$")
_numbers = itertools.count()


def song(model: str = MODEL, **changes: Any) -> SongRequest:
    delivery = {name: changes.pop(name) for name in ("priority", "deadline", "ttl") if name in changes}
    body = {
        "model": model,
        "prompt": "warm lo-fi",
        "duration": 4.0,
        "seed": 7,
        "sampling": {"temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0},
        "delivery": delivery,
    }
    return SongRequest.model_validate(body | changes)


@pytest.fixture(scope="session", params=["valkey", "redis-server"])
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """One server of each kind for all tests that do not kill it; each test has its own key prefix.

    valkey is the one that comes with the package, redis-server the system's, where it is installed.
    """
    installed = shutil.which("redis-server")
    if request.param == "redis-server" and installed is None:
        pytest.skip("redis-server is not installed")
    chosen = installed if request.param == "redis-server" else None
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as directory,
    ):
        patch.setattr(process.shutil, "which", lambda name: chosen if name == "redis-server" else None)
        with EmbeddedServer(Path(directory)) as running:
            patch.undo()
            yield running


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(server.url)
    yield client
    await client.aclose()


@pytest.fixture
async def make_queue(client: redis.asyncio.Redis) -> AsyncIterator[Callable[..., Queue]]:
    """Queues on a prefix of the test's own; afterwards no key of finished work may be without expiry."""
    prefix = f"test{next(_numbers)}"

    def make(**rules: Any) -> Queue:
        return Queue(client, prefix=prefix, **({"lease_s": 1.0, "backoff_cap_s": 0.05} | rules))

    yield make
    left = await leaks(client, prefix)
    await purge(client, prefix)
    assert not left, f"keys without expiry: {left}"


@pytest.fixture
def queue(make_queue: Callable[..., Queue]) -> Queue:
    return make_queue()


async def leaks(client: redis.asyncio.Redis, prefix: str) -> list[str]:
    """Keys without expiry that belong to no job still open."""
    names = [name.decode() async for name in client.scan_iter(f"{prefix}:*", count=1000)]
    open_ids = {
        name.rsplit(":", 1)[1]
        for name in names
        if ":job:" in name and (await client.hget(name, "state")) in (b"queued", b"running")
    }
    left = []
    for name in names:
        if await client.ttl(name) != -1 or KEPT.search(name):
            continue
        if open_ids and (
            name.rsplit(":", 1)[1] in open_ids
            or re.search(r":(q|delayed|leases|deadlines|(open|busy|work):[^:]*)$", name)
        ):
            continue
        if open_ids and ":idem:" in name and (await client.hget(name, "job") or b"").decode() in open_ids:
            continue
        left.append(name)
    return left


async def purge(client: redis.asyncio.Redis, prefix: str) -> None:
    names = [name async for name in client.scan_iter(f"{prefix}:*", count=1000)]
    if names:
        await client.delete(*names)


async def lapse(queue: Queue, seconds: float = 1.15) -> None:
    """Let leases run out while somebody else is in touch with the server: an outage would prolong them."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(0.1)
        await queue.sweep()
