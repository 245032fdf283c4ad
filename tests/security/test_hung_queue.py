"""A Redis that accepts and never answers: nobody waits for it long."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from muscgen.api import create_app
from muscgen.artifacts import DirectoryStore
from muscgen.jobs import Queue, connect, patience
from muscgen.settings import Settings

LIMIT_S = 0.3


@pytest.fixture
async def hung(monkeypatch, tmp_path, registry):
    """A client of an API whose Redis is hung."""
    monkeypatch.setattr(patience, "REPLY_LIMIT_S", LIMIT_S)
    held = []

    async def hold(reader, writer):
        held.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    redis = connect(f"redis://127.0.0.1:{port}/0")
    app = create_app(
        Settings(home=tmp_path), queue=Queue(redis), store=DirectoryStore(tmp_path / "a"), registry=registry
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen") as http:
        yield http
    await redis.aclose()
    for writer in held:
        writer.close()
    server.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/generate"),
        ("GET", "/jobs"),
        ("GET", "/jobs/job_0123456789ab_01M86QTJ2DPDAR0GSYBDW3G99M"),
        ("GET", "/jobs/job_0123456789ab_01M86QTJ2DPDAR0GSYBDW3G99M/audio"),
        ("POST", "/jobs/job_0123456789ab_01M86QTJ2DPDAR0GSYBDW3G99M/cancel"),
    ],
)
async def test_a_hung_queue_is_told_at_once_and_when_to_come_back(hung, method, path):
    began = time.monotonic()
    answer = await hung.request(method, path, json={"prompt": "a"} if path == "/generate" else None)
    assert answer.status_code == 503
    assert answer.json()["code"] == "queue_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < LIMIT_S + 10.0


async def test_a_command_that_blocks_at_the_server_is_given_its_time(client, monkeypatch):
    monkeypatch.setattr(patience, "REPLY_LIMIT_S", LIMIT_S)
    assert await client.blpop(["nothing:here"], 2 * LIMIT_S) is None
    assert not await client.xread({"nothing:there": "0"}, block=round(2_000 * LIMIT_S))
