"""/mcp of a running service: the tools over streamable HTTP, each call through the service's own API.

Without sessions: any replica answers any request, and a connection that breaks ends its call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from mcp.server.mcpserver import Context
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from muscgen.api.house import House
from muscgen.client import AsyncClient
from muscgen.client.retries import Retries
from muscgen.errors import Forbidden, Unauthorized
from muscgen.mcp.server import server_of
from muscgen.mcp.tools import Asker

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OURS = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # `_check_origin` does it


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[ASGIApp]:
    """The door of a service, until the context ends, which has to be in the same task."""
    server = server_of(lambda context: _asker(context, app), files=False)
    server.streamable_http_app(stateless_http=True, transport_security=_OURS)
    async with server.session_manager.run():
        yield Door(app.state.house, server.session_manager)


class Door:
    """Lets in whoever has a key, from no page of somebody else's."""

    def __init__(self, house: House, manager: StreamableHTTPSessionManager) -> None:
        self._house, self._manager = house, manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        _check_origin(request, self._house.settings.mcp_origins)
        if request.method != "POST":  # nothing is told but in answers
            raise HTTPException(405, headers={"Allow": "POST"})
        await self._house.keyring.authenticate(request.headers.get("authorization"))
        await self._manager.handle_request(scope, receive, send)


def _check_origin(request: Request, origins: tuple[str, ...]) -> None:
    """Only browsers send an Origin, and a name of theirs may lead to this machine (DNS rebinding).

    Raises Forbidden for every page but those of this machine and of the settings.
    """
    origin = request.headers.get("origin")
    if origin is None or origin in origins or urlsplit(origin).hostname in _LOOPBACK:
        return
    raise Forbidden(
        "pages of that origin may not ask here",
        param="Origin",
        suggestion=f"MUSCGEN_MCP_ORIGINS={origin[:200]}",
    )


def _asker(context: Context, app: FastAPI) -> Asker:
    """A client of the service in this process, with the key that the assistant came with."""
    request: Request | None = context.request_context.request
    if request is None:
        raise Unauthorized("an API key is needed", param="Authorization")
    _, _, key = request.headers.get("authorization", "").partition(" ")
    return lambda: AsyncClient(
        str(request.base_url).rstrip("/"),
        key=key.strip() or None,
        retries=Retries(most=0),
        transport=httpx.ASGITransport(app),
    )
