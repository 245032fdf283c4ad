"""Clients that keep to a schedule, or listen."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

WISH = {"prompt": "warm lo-fi with a soft piano, 90 bpm", "duration": 8.0}
PATIENCE_S = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_SEEDS = count()  # equal requests would share their work


@dataclass
class Measured:
    """What came of a run. Latencies in seconds, from the time at which each request was meant to be sent."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    client_cpu_s: float = 0.0

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def asking(method: str, path: str, body: dict[str, object] | None = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def wish() -> bytes:
    return asking("POST", "/generate", WISH | {"seed": next(_SEEDS)})


Told = Callable[[str, bytes], None]  # status, or what broke, and body


class Line(asyncio.Protocol):
    """A kept-alive connection, with just enough of HTTP: a client must not take the cores it measures."""

    def __init__(self, idle: list[Line]) -> None:
        self._idle, self._told = idle, None
        self._got, self._needs = b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes, told: Told) -> None:
        self._told = told
        self._transport.write(request)

    def data_received(self, content: bytes) -> None:
        self._got += content
        if not self._needs and (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._got, 0, end + 2)  # none with 204
            self._needs = end + 4 + (int(length[1]) if length else 0)
        if self._needs and len(self._got) >= self._needs:
            status, body = self._got[9:12].decode(), self._got[self._got.find(b"\r\n\r\n") + 4 :]
            self._got, self._needs, told, self._told = b"", 0, self._told, None
            self._idle.append(self)
            told(status, body)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._idle:  # the server closes idle ones after 5 s
            self._idle.remove(self)
        if self._told is not None:
            told, self._told = self._told, None
            told(type(error).__name__ if error else "Closed", b"")

    def close(self) -> None:
        self._told = None
        self._transport.close()


class Connections:
    """Kept-alive connections, as a proxy in front holds them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Line] = []
        self._all: list[Line] = []

    async def begin(self, request: bytes, told: Told) -> None:
        """Send; `told` is called with what comes. Raises OSError where no connection can be made."""
        if not self._idle:
            loop = asyncio.get_running_loop()
            _, line = await loop.create_connection(lambda: Line(self._idle), "127.0.0.1", self._port)
            self._all.append(line)
            line.ask(request, told)
        else:
            self._idle.pop().ask(request, told)

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        """Status and body."""
        answer: asyncio.Future[tuple[str, bytes]] = asyncio.get_running_loop().create_future()
        await self.begin(request, lambda status, body: answer.set_result((status, body)))
        return await answer

    def close(self) -> None:
        for line in self._all:
            line.close()


async def at_rate(port: int, rate: float, seconds: float, request: Callable[[], bytes]) -> Measured:
    """Open loop: a slow answer delays no later request, and its wait is counted."""
    measured, connections = Measured(), Connections(port)
    requests = [request() for _ in range(round(rate * seconds))]

    def heard(due: float, status: str, _body: bytes) -> None:
        measured.latencies.append(time.perf_counter() - due)
        measured.statuses[status] += 1

    began, used = time.perf_counter() + 0.1, time.process_time()
    for number, each in enumerate(requests):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        try:
            await connections.begin(each, partial(heard, due))
        except OSError as error:
            heard(due, type(error).__name__, b"")
    until = time.perf_counter() + PATIENCE_S
    while len(measured.latencies) < len(requests) and time.perf_counter() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for _ in range(len(requests) - len(measured.latencies)):
        heard(until - PATIENCE_S, "no answer", b"")
    measured.client_cpu_s = time.process_time() - used
    connections.close()
    return measured


async def at_once(port: int, requests: int, together: int, request: Callable[[], bytes]) -> Measured:
    """Closed loop: so many requests, `together` of them at a time."""
    measured, connections, left = Measured(), Connections(port), iter(range(requests))

    async def one() -> None:
        for _ in left:
            began = time.perf_counter()
            status, _body = await connections.ask(request())
            measured.latencies.append(time.perf_counter() - began)
            measured.statuses[status] += 1

    await asyncio.gather(*(one() for _ in range(together)))
    connections.close()
    return measured


async def listening(port: int, path: str, heard: asyncio.Queue[float]) -> None:
    """Follow a job's events; puts the time at which `completed` came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(asking("GET", path))
    try:
        while line := await reader.readline():
            if line.startswith(b"event: queued"):
                heard.put_nowait(-1.0)
            if line.startswith(b"event: completed"):
                heard.put_nowait(time.perf_counter())
                return
    finally:
        writer.close()
