"""The service's door for assistants, where the SDK is installed; a word about it where it is not.

It is opened by the first who knocks: the SDK weighs 25 MB, which a service that nobody asks need not carry.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from muscgen.errors import NotInstalled
from muscgen.settings import Settings

_PATH = "/mcp"


@asynccontextmanager
async def assisted(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    """The service with /mcp, as the settings and what is installed allow."""
    if not settings.mcp_route:
        yield
        return
    door = _Missing() if find_spec("mcp") is None else _Closed(app)
    route = Route(_PATH, door, include_in_schema=False)
    app.router.routes.insert(0, route)
    try:
        yield
    finally:
        app.router.routes.remove(route)
        await door.close()


class _Closed:
    """A door that opens at the first knock, and stays open; one that does not open is tried again."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._open: asyncio.Future[ASGIApp] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._open is None:
            self._open = asyncio.get_running_loop().create_future()
            self._keeping = asyncio.create_task(self._keep(self._open))
        door = await asyncio.shield(self._open)
        await door(scope, receive, send)

    async def _keep(self, door: asyncio.Future[ASGIApp]) -> None:
        """One task opens it and closes it, as its groups of tasks want it."""
        try:
            module = await asyncio.to_thread(import_module, "muscgen.mcp.door")  # a second, not of the loop
            async with module.opened(self._app) as opened:
                door.set_result(opened)
                await asyncio.Event().wait()
        except Exception as error:  # noqa: BLE001  told to those who wait
            self._open = None
            if not door.done():
                door.set_exception(error)

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})


class _Missing:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        raise NotInstalled(
            "the Model Context Protocol needs its SDK where the service runs",
            suggestion="pip install 'muscgen[mcp]', then start it again",
        )

    async def close(self) -> None:
        """Nothing was opened."""
