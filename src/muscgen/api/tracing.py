"""A span for each request, inside the caller's where it sends a `traceparent`."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muscgen import telemetry

_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds, for ever


class Traces:
    """Named by the route's template, so that ids make no names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        parent = Headers(scope=scope).get("traceparent", "")
        with telemetry.span(scope["method"], parent, kind="server") as span:
            if span is None:
                await self._app(scope, receive, send)
                return
            span.set_attribute("muscgen.request", scope.get("state", {}).get("request_id", ""))

            async def send_noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", "unmatched")
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, send_noted)
