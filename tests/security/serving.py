"""The API on loopback, in a thread with an event loop of its own, for clients that block."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from muscgen.api import create_app
from muscgen.artifacts import DirectoryStore
from muscgen.jobs import Queue, connect
from muscgen.models.registry import Registry
from muscgen.settings import Settings


@contextlib.contextmanager
def served(redis_url: str, home: Path, registry: Registry) -> Iterator[str]:
    """The address of a running API without a worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server, started = _Server(), threading.Event()

        async def run() -> None:
            redis = connect(redis_url)
            queue = Queue(redis, prefix="fuzz", max_depth=100_000)
            app = create_app(
                Settings(home=home), queue=queue, store=DirectoryStore(home / "artifacts"), registry=registry
            )
            config = uvicorn.Config(
                app, log_config=None, lifespan="off", server_header=False, timeout_graceful_shutdown=1
            )
            server.uvicorn = uvicorn.Server(config)
            started.set()
            await server.uvicorn.serve(sockets=[listener])
            await redis.aclose()

        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        started.wait(10)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.uvicorn.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


class _Server:
    uvicorn: uvicorn.Server
