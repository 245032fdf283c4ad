"""The client of `make load` sees what goes wrong: its figures are no better than its eyes."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from load import clients
from load.clients import Connections, asking, at_once, at_rate

OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.asynccontextmanager
async def answering(*answers):
    """A server that gives these answers in turn, the last one for ever; None breaks the connection."""
    left, serving = list(answers), set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    break
                for byte in answer.split(b"|"):  # in pieces
                    writer.write(byte)
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def wish():
    return asking("POST", "/generate", {"prompt": "a"})


async def test_answers_are_counted_by_their_status():
    refused = b"HTTP/1.1 503 No|pe\r\ncontent-length: |5\r\n\r\nworld"
    async with answering(OK, refused, OK) as port:
        measured = await at_rate(port, 100, 0.2, wish)
    assert measured.statuses == {"202": 19, "503": 1}
    assert len(measured.latencies) == 20
    assert measured.client_cpu_s > 0


async def test_a_broken_connection_is_an_error_and_the_next_request_takes_another():
    async with answering(OK, None, OK) as port:
        measured = await at_rate(port, 50, 0.2, wish)
    assert measured.statuses["202"] == 9
    assert sum(measured.statuses.values()) == 10


async def test_what_is_never_answered_is_an_error(monkeypatch):
    monkeypatch.setattr(clients, "PATIENCE_S", 0.3)
    async with answering(OK, b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{}") as port:
        measured = await at_rate(port, 50, 0.1, wish)
    assert measured.statuses == {"202": 1, "no answer": 4}


async def test_nobody_there_is_an_error():
    async with answering(OK) as port:
        pass
    measured = await at_rate(port, 50, 0.1, wish)
    assert measured.statuses == {"ConnectionRefusedError": 5}


async def test_bodies_come_whole_and_connections_are_kept():
    body = b"x" * 100_000
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n|" + body) as port:
        connections = Connections(port)
        for _ in range(3):
            assert await connections.ask(wish()) == ("200", body)
        assert len(connections._idle) == 1
        connections.close()
        assert (await at_once(port, 30, 4, wish)).statuses == {"200": 30}


@pytest.mark.parametrize(("share", "value"), [(0.5, 3), (0.99, 5), (0.0, 1)])
def test_quantiles(share, value):
    assert clients.Measured([5, 3, 1, 2, 4]).quantile(share) == value
