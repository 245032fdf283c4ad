"""Answers of no known length. What stays for their sake is small: a thousand may listen for minutes.

An endpoint's answer is given from inside all that its request passed on the way in. A `Streamed` one sends
its head from there and leaves the rest to `Rests`, which stands outside of it all: by then the frames of
routing, of dependencies and of the other middleware are gone.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, nullcontext

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from muscgen import telemetry
from muscgen.api.passage import Passage
from muscgen.api.problems import presentable

MOST_INSIDE = 32  # of those who will follow a job
_REST = "rest"
_MOST_BYTES = 1 << 16  # a body that the endpoint did not ask for


class Rests(Passage):
    """The outermost: sends what streamed answers left.

    A thousand who come at once to follow their jobs go in by turns: each takes 50 kB on its way, for
    milliseconds, and what was taken for all of them would stay with the process for long.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_INSIDE) -> None:
        super().__init__(app)
        self._turns = asyncio.Semaphore(most)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        given = set(scope)
        async with self._turns if scope["path"].endswith("/events") else nullcontext():
            await self._app(scope, receive, send)
        rest: Callable[[Scope, Receive, Send], Awaitable[None]] | None = state.pop(_REST, None)
        if rest is not None:
            for name in scope.keys() - given:  # what routing and dependencies left
                del scope[name]
            with telemetry.about(request=state.get("request_id", "")):
                await rest(scope, receive, send)


class Streamed(Response):
    """The pieces as they come. A client that hangs up ends them; then `on_gone` is called.

    A failure among the pieces cuts the connection: only that tells the client that the answer is not whole.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(headers=headers, media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self.on_gone: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        scope["state"][_REST] = self._rest

    async def _rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._send(receive, send)
        except ClientDisconnect:
            if self.on_gone is not None:
                await self.on_gone()
        except Exception as error:  # noqa: BLE001  the last resort
            presentable(error, scope)
            raise ConnectionAbortedError from None

    async def _send(self, receive: Receive, send: Send) -> None:
        """Raises ClientDisconnect, and what the pieces raise."""
        async with aclosing(self._pieces):
            try:
                async with asyncio.timeout(None) as connected:
                    watching = asyncio.create_task(_watch(receive, connected))
                    try:
                        async for piece in self._pieces:
                            await _send(send, piece, more=True)
                    finally:
                        watching.cancel()
            except TimeoutError:
                if connected.expired():
                    raise ClientDisconnect from None
                raise
            await _send(send, b"", more=False)


async def _send(send: Send, piece: bytes, *, more: bool) -> None:
    try:
        await send({"type": "http.response.body", "body": piece, "more_body": more})
    except OSError:  # as some servers say it
        raise ClientDisconnect from None


async def _watch(receive: Receive, connected: asyncio.Timeout) -> None:
    await hung_up(receive, _MOST_BYTES)
    connected.reschedule(0.0)


async def hung_up(receive: Receive, most_bytes: float = math.inf) -> None:
    """Until the client ends the connection, or goes on sending beyond so many bytes."""
    came = 0
    while came <= most_bytes and (message := await receive())["type"] != "http.disconnect":
        came += len(message.get("body", b""))
