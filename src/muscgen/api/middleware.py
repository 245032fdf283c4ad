"""What requests pass on their way in, and answers on their way out. Plain ASGI, so streams stay streams.

RequestIds      an id for the request, on the answer and in the log; headers that browsers obey
Metrics         time to the first byte, by route
LastResort      anything unforeseen becomes a 500 that tells nothing
Heads           HEAD wherever there is GET, answered with the head alone
BodyLimit       no body beyond the limit is read, nor one that never ends, nor one that is packed
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muscgen import telemetry
from muscgen.api.passage import Passage
from muscgen.api.problems import presentable, to_problem
from muscgen.errors import BodyTooLarge, BodyTooSlow, UnsupportedMediaType

BODY_PATIENCE_S = 30.0  # a megabyte at 300 kbit/s
UPLOAD_PATIENCE = 20  # times as long: 50 megabytes at 700 kbit/s
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KNOWS_HEAD = re.compile(r"/artifacts/[^/]*$|/jobs/[^/]*/(audio|events)$")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


class RequestIds(Passage):
    """Takes the client's X-Request-Id where it is plain text, or draws one."""

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        number = given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = number

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = number
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        with telemetry.about(request=number):
            await self._app(scope, receive, send_with_headers)


class Heads(Passage):
    """Takes HEAD for GET and drops the body. Files and songs know HEAD themselves; events have no end."""

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD" or _KNOWS_HEAD.search(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


class Metrics(Passage):
    """Observes the time to the head of the answer; a stream's length says nothing of the service."""

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def send_observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _observe(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, send_observed)


def _observe(scope: Scope, status: int, elapsed_s: float) -> None:
    # The route's template, never the path: ids would make a series each.
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    telemetry.HTTP_SECONDS.labels(method, route, str(status)).observe(elapsed_s, telemetry.exemplar())


class LastResort(Passage):
    """A client that hung up is no failure; anything else that is raised down here is ours."""

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # the last resort
            shown = presentable(error, scope)
            if begun:  # only cutting the connection tells the client that the answer is not whole
                raise ConnectionAbortedError from None
            await to_problem(shown, scope)(scope, receive, send)


class BodyLimit(Passage):
    """Refuses a body by its announced length, or as soon as more than the limit or than patience came.

    max_upload_bytes: for bodies with files in them, whose routes write them to files and count again.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, max_upload_bytes: int = 0, patience_s: float = BODY_PATIENCE_S
    ) -> None:
        super().__init__(app)
        self._max_bytes = max_bytes
        self._max_upload_bytes = max_upload_bytes
        self._patience_s = patience_s

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        brings_files = _brings_files(scope, headers)
        most = self._max_bytes + (self._max_upload_bytes if brings_files else 0)
        patience_s = self._patience_s * (UPLOAD_PATIENCE if brings_files else 1)
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            await to_problem(_packed(), scope)(scope, receive, send)
            return
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > most:
            await to_problem(_too_large(most), scope)(scope, receive, send)
            return
        await self._app(scope, _limited(receive, most, patience_s), send)


def _brings_files(scope: Scope, headers: Headers) -> bool:
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    if scope["method"] != "POST":
        return False
    return path in ("/artifacts", "/verify", "/v1/files") or (
        path in ("/generate", "/consents")
        and headers.get("content-type", "").lower().startswith("multipart/form-data")
    )


def _limited(receive: Receive, most: int, patience_s: float) -> Receive:
    came, complete = 0, False
    until = asyncio.get_running_loop().time() + patience_s

    async def limited() -> Message:
        nonlocal came, complete
        if complete:  # the server's way to say that the client has gone
            return await receive()
        message = await _before(until, receive)
        came += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if came > most:
            raise _too_large(most)
        return message

    return limited


def _packed() -> UnsupportedMediaType:
    return UnsupportedMediaType(
        "the body is packed, and nothing is unpacked here", param="Content-Encoding", suggestion="identity"
    )


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {most} bytes", suggestion=f"at most {most} bytes")


async def _before(until: float, receive: Receive) -> Message:
    try:
        async with asyncio.timeout_at(until):
            return await receive()
    except TimeoutError:
        raise BodyTooSlow("the body did not come in time") from None
