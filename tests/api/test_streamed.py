"""Answers of no known length, as a server and its clients see them."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI

from muscgen.api.streamed import Rests, Streamed

SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "scheme": "http",
    "headers": [(b"host", b"muscgen")],
    "server": ("muscgen", 80),
    "client": ("somebody", 1),
}


class Wire:
    """A connection: what was sent over it, and what comes from the client."""

    def __init__(self, *comes):
        self.sent, self.hung_up = [], asyncio.Event()
        self._comes = [{"type": "http.request", "body": body, "more_body": False} for body in comes]
        self.refuses = False

    async def receive(self):
        if self._comes:
            return self._comes.pop(0)
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.refuses:
            raise OSError("gone")
        self.sent.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def ended(self):
        return self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body", False)


class Song:
    """Pieces that somebody else makes, and what became of who sends them."""

    def __init__(self):
        self.pieces, self.closed, self.gone = asyncio.Queue(), 0, 0

    async def __aiter__(self):
        try:
            while (piece := await self.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed += 1

    async def abandon(self):
        self.gone += 1


@pytest.fixture
def song():
    return Song()


@pytest.fixture
def ask(song):
    """Ask an application for the song, over a wire: the task that answers."""
    app = FastAPI()

    @app.get("/")
    async def endpoint():
        answer = Streamed(aiter(song), media_type="audio/x", headers={"Location": "/here"})
        answer.on_gone = song.abandon
        return answer

    app.add_middleware(Rests)
    asking = []

    def ask(wire, scope=SCOPE):
        asking.append(
            asyncio.create_task(app(dict(scope) if scope is SCOPE else scope, wire.receive, wire.send))
        )
        return asking[-1]

    return ask


async def until(true):
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_pieces_are_sent_as_they_come_up_to_the_last(ask, song):
    wire = Wire(b"")
    answering = ask(wire)
    await until(lambda: wire.sent)
    assert wire.sent[0]["status"] == 200
    assert (b"location", b"/here") in wire.sent[0]["headers"]
    assert b"content-length" not in dict(wire.sent[0]["headers"])
    for count, piece in enumerate((b"a", b"b"), start=2):
        song.pieces.put_nowait(piece)
        await until(lambda count=count: len(wire.sent) == count)
    song.pieces.put_nowait(None)
    await answering
    assert (wire.body, wire.ended) == (b"ab", True)
    assert (song.closed, song.gone) == (1, 0)


async def test_who_hangs_up_ends_the_pieces_and_is_told_of(ask, song):
    wire = Wire(b"")
    answering = ask(wire)
    song.pieces.put_nowait(b"a")
    await until(lambda: wire.body)
    wire.hung_up.set()
    await answering
    assert not wire.ended
    assert (song.closed, song.gone) == (1, 1)


async def test_a_server_that_cannot_send_any_more_says_that_the_client_is_gone(ask, song):
    wire = Wire(b"")
    answering = ask(wire)
    await until(lambda: wire.sent)
    wire.refuses = True
    song.pieces.put_nowait(b"a")
    await answering
    assert (song.closed, song.gone) == (1, 1)


@pytest.mark.parametrize("failure", [ValueError("a secret"), TimeoutError(), ConnectionResetError()])
async def test_pieces_that_fail_cut_the_connection(ask, song, failure):
    wire = Wire(b"")
    answering = ask(wire)
    song.pieces.put_nowait(b"a")
    song.pieces.put_nowait(failure)
    with pytest.raises(ConnectionAbortedError) as raised:
        await answering
    assert not raised.value.args
    assert (wire.ended, song.closed, song.gone) == (False, 1, 0)


async def test_who_goes_on_sending_is_not_listened_to_for_ever(ask, song):
    polite, endless = Wire(b"{}"), Wire(*[bytes(10_000)] * 7)
    answering = ask(polite), ask(endless)
    await answering[1]
    assert (endless.ended, song.gone) == (False, 1)
    assert not answering[0].done()
    song.pieces.put_nowait(None)
    await answering[0]
    assert polite.ended


async def test_nothing_is_kept_of_the_way_of_a_request(ask, song):
    wire, scope = Wire(b""), dict(SCOPE)
    answering = ask(wire, scope)
    await until(lambda: wire.sent)
    assert not {"route", "endpoint", "path_params", "fastapi_inner_astack"} & set(scope)
    song.pieces.put_nowait(None)
    await answering
    assert wire.ended


async def test_who_come_at_once_to_follow_go_in_by_turns_and_are_all_heard_at_once():
    app, inside, most = FastAPI(), 0, 0
    over = asyncio.Event()

    async def pieces():
        await over.wait()
        yield b"a"

    @app.get("/events")
    async def endpoint():
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        return Streamed(pieces(), media_type="text/event-stream")

    app.add_middleware(Rests, most=3)
    wires = [Wire(b"") for _ in range(10)]
    scope = SCOPE | {"path": "/events", "raw_path": b"/events"}
    answering = [asyncio.create_task(app(dict(scope), wire.receive, wire.send)) for wire in wires]
    await until(lambda: all(wire.sent for wire in wires))
    over.set()
    await asyncio.gather(*answering)
    assert [wire.body for wire in wires] == [b"a"] * 10
    assert most == 3
