"""Files over HTTP: one range, validators, and no byte twice (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from muscgen.api.problems import RangeOutside

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_CHUNK_BYTES = 256 * 1024
# A browser plays a file in a page of its own making, and nothing else in it runs.
PLAYER_POLICY = (
    "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `first` up to `end`, without it."""

    first: int
    end: int

    @property
    def bytes(self) -> int:
        return self.end - self.first


def etag(digest: str) -> str:
    """A strong validator."""
    return f'"{digest}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names the tag; weak comparison, as it is defined for that header."""
    if header is None:
        return False
    tags = {part.strip().removeprefix("W/") for part in header.split(",")}
    return tag in tags or "*" in tags


def wanted(headers: Mapping[str, str], size: int, tag: str) -> Span | None:
    """The one range that is asked for; None is the whole file.

    Several ranges, other units and ranges that cannot be read count as none, which RFC 9110 allows, as does
    an If-Range that is not exactly the tag. Raises RangeOutside for a range that begins after the end.
    """
    match = _RANGE.fullmatch(headers.get("range", "").strip())
    if match is None or match[1] == match[2] == "" or headers.get("if-range", tag) != tag:
        return None
    if match[1] == "":
        return _suffix(int(match[2]), size)
    first, last = int(match[1]), int(match[2] or size - 1)
    if match[2] and last < first:
        return None
    if first >= size:
        raise RangeOutside(size)
    return Span(first, min(last + 1, size))


def _suffix(length: int, size: int) -> Span:
    if length == 0 or size == 0:
        raise RangeOutside(size)
    return Span(max(size - length, 0), size)


class FileAnswer(Response):
    """A file, or a span of it. Closes the file, whatever happens."""

    def __init__(
        self, file: BinaryIO, size: int, span: Span | None, headers: Mapping[str, str], media_type: str
    ) -> None:
        self._file = file
        self._span = span or Span(0, size)
        lengths = {"Content-Length": str(self._span.bytes), "Accept-Ranges": "bytes"}
        if span is not None:
            lengths["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
        super().__init__(
            status_code=206 if span else 200, headers={**headers, **lengths}, media_type=media_type
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        with self._file as file:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            if scope["method"] != "HEAD":
                await self._send_span(file, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_span(self, file: BinaryIO, send: Send) -> None:
        file.seek(self._span.first)
        left = self._span.bytes
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, left))
            if not chunk:
                raise EOFError("the file is shorter than its record says")
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
