"""A real receiver: a server on the loopback that keeps what it hears and answers as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from muscgen.webhooks import Secrets

SECRET = "whsec_" + "bXVzY2dlbiBtdXNjZ2VuIG11c2NnZW4gbXVzY2dlbg=="
SECRETS = Secrets((SECRET,))
OK = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@dataclass
class Heard:
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.body)

    def verified(self, secret: str = SECRET) -> dict[str, Any]:
        """By the official library; raises for a signature that is not right."""
        Webhook(secret).verify(self.body, self.headers)
        return self.told


Answer = Callable[[Heard, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """`answers` are given first, in order: a status, or a function that writes; then 204 for ever."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    answers: list[int | Answer] = field(default_factory=list)
    always: int | Answer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def kinds(self) -> list[str]:
        return [heard.told["type"] for heard in self.heard]

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            heard = await _read(reader)
            self.heard.append(heard)
            answer = self.answers.pop(0) if self.answers else self.always
            if callable(answer):
                await answer(heard, writer)
            else:
                writer.write(status(answer) if answer else OK)
                await writer.drain()
        writer.close()

    async def until(self, count: int, limit_s: float = 60.0) -> list[Heard]:
        """What it heard, once that is so much."""
        end = time.monotonic() + limit_s
        while len(self.heard) < count:
            assert time.monotonic() < end, f"{len(self.heard)} of {count}: {self.kinds}"
            await asyncio.sleep(0.01)
        return self.heard


def status(code: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} So", "Content-Length: 2", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n{}").encode()


async def silence(_: Heard, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def trickle(_: Heard, writer: asyncio.StreamWriter) -> None:
    """A slow loris: the head of an answer, one byte at a time, for ever."""
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await receiver.listen(reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    body = await reader.readexactly(int(headers["content-length"]))
    return Heard(headers, body, time.monotonic())
