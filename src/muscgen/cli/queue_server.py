"""The queue's server: somewhere else, or embedded in the home."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from muscgen import telemetry
from muscgen.errors import MuscgenError, QueueUnavailable
from muscgen.jobs import EmbeddedServer, Queue, connect
from muscgen.jobs.connect import Client, outages
from muscgen.settings import Settings

T = TypeVar("T")
LOOK_S = 1.0


@contextlib.contextmanager
def reached(settings: Settings) -> Iterator[str]:
    """The URL of the queue; an embedded server of ours is shut down afterwards."""
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    with embedded(settings) as server:
        yield server.url


def at_redis(settings: Settings, work: Callable[[Client], Awaitable[T]]) -> T:
    """What the work at the queue's server comes to: for commands that ask once."""

    async def run(url: str) -> T:
        redis = connect(url)
        try:
            return await work(redis)
        finally:
            await redis.aclose()

    with reached(settings) as url:
        return asyncio.run(run(url))


@contextlib.contextmanager
def embedded(settings: Settings) -> Iterator[EmbeddedServer]:
    """The embedded server of the home: ours, or another process's that we attach to."""
    settings.queue_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = EmbeddedServer(settings.queue_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def take_over(server: EmbeddedServer, queue: Queue) -> None:
    """While attached, start a server of our own when the other process has taken its own with it."""
    while not server.owner:
        await asyncio.sleep(LOOK_S)
        try:
            with outages():
                await queue.redis.ping()
        except QueueUnavailable:
            telemetry.warning("queue.owner_left")
            with contextlib.suppress(MuscgenError):
                await asyncio.to_thread(server.start)
