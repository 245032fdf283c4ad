"""Files over HTTP: one range, validators, and no byte twice (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from muscgen import telemetry
from muscgen.api.problems import RangeOutside
from muscgen.artifacts import Artifact
from muscgen.errors import InternalError

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
    """A file, or a span of it. Closes the file, whatever happens.

    Nothing is sent before the first piece was read, so that it can still be said that a store is away; the
    last piece of a whole file not before all of it has its digest, so that nobody takes damage for the song.
    """

    def __init__(
        self, file: BinaryIO, artifact: Artifact, span: Span | None, headers: Mapping[str, str]
    ) -> None:
        size = artifact.bytes
        self._file = file
        self._span = span or Span(0, size)
        self._name = artifact.filename
        self._name = artifact.filename
        self._digest = None if span else artifact.sha256
        lengths = {"Content-Length": str(self._span.bytes), "Accept-Ranges": "bytes"}
        if span is not None:
            lengths["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
        super().__init__(
            status_code=206 if span else 200,
            headers={**headers, **lengths},
            media_type=artifact.content_type,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        with self._file as file:
            if scope["method"] != "HEAD":
                async for piece in self._pieces(file):
                    if start:
                        await send(start)
                        start = {}
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            if start:
                await send(start)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self, file: BinaryIO) -> AsyncIterator[bytes]:
        file.seek(self._span.first)
        left, found = self._span.bytes, hashlib.sha256()
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, left))
            left -= len(piece)
            if self._digest is not None:
                found.update(piece)
            if not piece or (left == 0 and self._digest not in (None, found.hexdigest())):
                telemetry.warning("artifact.damaged", file=self._name)
                raise InternalError("the file is not what was kept")
            yield piece
