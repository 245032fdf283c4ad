"""Clients that keep to a schedule, or listen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

WISH = {"prompt": "warm lo-fi with a soft piano, 90 bpm", "duration": 8.0}
_SEEDS = count()  # equal requests would share their work


@dataclass
class Measured:
    """What came of a run. Latencies in seconds, from the time at which each request was meant to be sent."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def asking(method: str, path: str, body: dict[str, object] | None = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def wish() -> bytes:
    return asking("POST", "/generate", WISH | {"seed": next(_SEEDS)})


class Connections:
    """Kept-alive connections, as a proxy in front holds them. Small enough to cost the API's cores little."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        """Status and body."""
        pair = None
        while self._idle and (pair is None or pair[0].at_eof()):  # the server closes idle ones after 5 s
            pair = self._idle.pop()
        if pair is None or pair[0].at_eof():
            pair = await asyncio.open_connection("127.0.0.1", self._port)
        pair[1].write(request)
        head = await pair[0].readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await pair[0].readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)  # none with 204
        self._idle.append(pair)
        return head[9:12].decode(), body

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def at_rate(port: int, rate: float, seconds: float, request: Callable[[], bytes]) -> Measured:
    """Open loop: a slow answer delays no later request, and its wait is counted."""
    measured, connections, waiting = Measured(), Connections(port), set()

    async def one(due: float) -> None:
        try:
            async with asyncio.timeout(30):
                status, _ = await connections.ask(request())
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            status = type(error).__name__
        measured.latencies.append(time.perf_counter() - due)
        measured.statuses[status] += 1

    began = time.perf_counter() + 0.1
    for number in range(round(rate * seconds)):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(one(due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
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
