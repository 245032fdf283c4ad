"""What all middleware has in common. Plain ASGI, so that streams stay streams."""

from __future__ import annotations

from abc import ABC, abstractmethod

from starlette.types import ASGIApp, Receive, Scope, Send


class Passage(ABC):
    """What HTTP requests pass on their way in, and answers on their way out; all else goes by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passed = self._passed if scope["type"] == "http" else self._app
        await passed(scope, receive, send)

    @abstractmethod
    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None: ...
