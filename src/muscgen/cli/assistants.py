"""The service's door for assistants, where the SDK is installed; a word about it where it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from muscgen.errors import NotInstalled
from muscgen.settings import Settings

_PATH = "/mcp"


@asynccontextmanager
async def assisted(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    """The service with /mcp, as the settings and what is installed allow."""
    if not settings.mcp_route:
        yield
    elif find_spec("mcp") is None:
        app.router.routes.insert(0, Route(_PATH, _Missing(), include_in_schema=False))
        yield
    else:
        from muscgen.mcp.door import opened

        async with opened(app):
            yield


class _Missing:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        raise NotInstalled(
            "the Model Context Protocol needs its SDK where the service runs",
            suggestion="pip install 'muscgen[mcp]', then start it again",
        )
