"""More wishes at once than can be taken in good time: refused at once, so that the others are not late."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muscgen.api.passage import Passage
from muscgen.errors import Unavailable

# At 400 a second, which a core bears, the last of them waits 1.3 s: a stall of a second refuses nobody.
MOST_AT_ONCE = 512
_STAYS = re.compile(r"wait|event-stream|audio/|multipart/", re.IGNORECASE)


class Crowd(Passage):
    """Counts POST /generate and /predictions from the end of its body to the head of its answer.

    Not those that stay for their song, nor those that bring sound: they are long without being work.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_AT_ONCE) -> None:
        super().__init__(app)
        self._most, self._inside = most, 0

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _at_once(scope):
            await self._app(scope, receive, send)
            return
        inside = False

        async def entering() -> Message:
            nonlocal inside
            message = await receive()
            if not inside and message["type"] == "http.request" and not message.get("more_body", False):
                if self._inside >= self._most:
                    raise Unavailable("too many requests at once", retry_after_s=1.0)
                inside = True
                self._inside += 1
            return message

        try:
            await self._app(scope, entering, send)
        finally:
            self._inside -= inside


def _at_once(scope: Scope) -> bool:
    if scope["method"] != "POST" or not str(scope["path"]).endswith(("/generate", "/predictions")):
        return False
    headers = Headers(scope=scope)
    said = (headers.getlist(name) for name in ("prefer", "accept", "content-type"))
    return not any(_STAYS.search(value) for values in said for value in values)
