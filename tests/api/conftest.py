from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio
from fastapi import FastAPI
from queues import audit

from muscgen.api import create_app
from muscgen.artifacts import DirectoryStore
from muscgen.jobs import Claim, EmbeddedServer, Queue, connect
from muscgen.models.registry import Registry
from muscgen.settings import Settings

MODEL = "muscgen-tiny"
SONG = b"RIFF" + bytes(range(256)) * 40
_numbers = itertools.count()


@dataclass
class Service:
    """An API over a real queue and a real store; `play` is its worker."""

    app: FastAPI
    queue: Queue
    store: DirectoryStore
    http: httpx.AsyncClient

    async def post(self, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        body = {"prompt": "warm lo-fi", "duration": 4.0} | fields
        return await self.http.post("/generate", json=body, headers=headers)

    async def job(self, **fields: Any) -> dict[str, Any]:
        answer = await self.post(**fields)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def claim(self) -> Claim:
        """The next job, once there is one."""
        while not (claims := await self.queue.claim([MODEL], "w1", 1)):
            await self.queue.wait_for_work([MODEL], 0.2)
        return claims[0]

    async def finish(self, claim: Claim, content: bytes = SONG) -> str:
        """Finish a claim with one output; the artifact's id."""
        artifact = self.store.put(
            content,
            owner=claim.job_id,
            content_type="audio/wav",
            extension="wav",
            duration_s=4.0,
            sample_rate=32000,
            channels=1,
        )
        result = {
            "model": {
                "id": MODEL,
                "revision": "r",
                "backend": "onnx",
                "dtype": "fp32",
                "license": "Apache-2.0",
            },
            "outputs": [{"index": 0, "seed": 7, "artifact": artifact.to_dict(), "analysis": {"lufs": -14.0}}],
            "warnings": ["quiet"],
            "usage": {"audio_seconds": 4.0},
        }
        await self.queue.finish(claim, result)
        return artifact.id

    async def play(self, content: bytes = SONG) -> str:
        return await self.finish(await self.claim(), content)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory)) as running:
        yield running


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry(Path("/nonexistent"))


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(server.url)
    yield client
    await client.aclose()


@pytest.fixture
async def make_service(
    client: redis.asyncio.Redis, registry: Registry, tmp_path: Path
) -> AsyncIterator[Callable[..., Service]]:
    """Services with settings of the test's own; queue rules go to the queue, which must be left in order."""
    opened: list[Service] = []

    def make(rules: dict[str, Any] | None = None, **settings: Any) -> Service:
        queue = Queue(client, prefix=f"api{next(_numbers)}", **(rules or {}))
        store = DirectoryStore(tmp_path / "artifacts")
        app = create_app(Settings(home=tmp_path, **settings), queue=queue, store=store, registry=registry)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen")
        opened.append(Service(app, queue, store, http))
        return opened[-1]

    yield make
    for service in opened:
        await service.http.aclose()
    for service in opened:
        await audit(client, service.queue.prefix)


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service()


def assert_problem(
    answer: httpx.Response, status: int, code: str, param: str | None = None
) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = dict(answer.json())
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["param"] == param
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail", "suggestion"} <= set(problem)
    return problem
