from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from queues import MODEL, audited, song

from muscgen.api import create_app
from muscgen.api.documents import describe
from muscgen.api.house import House
from muscgen.artifacts import DirectoryStore
from muscgen.jobs import EmbeddedServer, Job, Queue, connect
from muscgen.models.registry import Registry
from muscgen.settings import Settings
from muscgen.webhooks import CheckedTransport, Dispatcher, Sender

from .receiver import SECRETS, Receiver, receiving

SOON = (0.01, 0.02, 0.03, 0.04, 0.05)
_numbers = itertools.count()


class Room:
    """A queue, a receiver, and dispatchers on demand."""

    def __init__(self, queue: Queue, receiver: Receiver, house: House) -> None:
        self.queue = queue
        self.receiver = receiver
        self.house = house

    async def ask(self, *events: str, url: str | None = None, **changes: Any) -> str:
        """A job with a webhook; its id."""
        webhook = {"url": url or self.receiver.url, "events": events or ("completed",)}
        rules = {name: changes.pop(name) for name in ("work", "tenant") if name in changes}
        return (await self.queue.enqueue(song(delivery={"webhook": webhook}, **changes), **rules)).job_id

    async def make(self) -> None:
        """Claim the next job and finish it."""
        [claim] = await self.queue.claim([MODEL], "w1", 1)
        await self.queue.finish(claim, {"warnings": []})

    def view(self, job: Job) -> dict[str, Any]:
        return describe(job, self.house).model_dump(mode="json", by_alias=True)

    @contextlib.asynccontextmanager
    async def telling(
        self, timeout_s: float = 60.0, *, allow_private: bool = True, **rules: Any
    ) -> AsyncIterator[Dispatcher]:
        """A dispatcher at work."""
        transport = CheckedTransport(allow_private=allow_private)
        async with Sender(SECRETS, transport, timeout_s=timeout_s) as sender:
            rules = {"pauses_s": SOON, "look_s": 0.01, "lease_s": 60.0} | rules
            dispatcher = Dispatcher(self.queue, sender, self.view, **rules)
            task = asyncio.create_task(dispatcher.run())
            try:
                yield dispatcher
            finally:
                task.cancel()
                await asyncio.wait({task})

    async def empty(self, limit_s: float = 60.0) -> None:
        """Once nothing is left to tell."""
        hooks = self.queue._keys(MODEL).base + "hooks"
        async with asyncio.timeout(limit_s):
            while await self.queue.redis.zcard(hooks):  # noqa: ASYNC110 - another process empties it
                await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory)) as running:
        yield running


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(server.url)
    yield client
    await client.aclose()


@pytest.fixture
async def make_queue(client: redis.asyncio.Redis) -> AsyncIterator[Callable[..., Queue]]:
    """Queues on a prefix of the test's own, which must be in order afterwards."""
    prefix = f"hook{next(_numbers)}"
    async with audited(client, prefix):
        yield lambda **rules: Queue(
            client, prefix=prefix, **({"lease_s": 30.0, "backoff_cap_s": 0.05} | rules)
        )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def room(make_queue: Callable[..., Queue], receiver: Receiver, tmp_path: Path) -> Room:
    queue = make_queue()
    registry = Registry(Path("/nonexistent"))
    store = DirectoryStore(tmp_path / "artifacts")
    app = create_app(Settings(home=tmp_path), queue=queue, store=store, registry=registry)
    return Room(queue, receiver, app.state.house)
