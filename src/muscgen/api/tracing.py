"""A span for each request, inside the caller's where it sends a `traceparent`."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from muscgen import telemetry
from muscgen.api.passage import Passage

_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds, for ever


class Traces(Passage):
    """Named by the route's template, so that ids make no names."""

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _QUIET:
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
