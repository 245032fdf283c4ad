"""multipart/form-data, part by part into files: no body is ever held in memory whole."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from muscgen.artifacts.files import outages
from muscgen.errors import BodyTooLarge, InvalidRequest, MalformedBody

MULTIPART = "multipart/form-data"


@asynccontextmanager
async def parts_of(
    request: Request, limits: Mapping[str, int], folder: Path
) -> AsyncIterator[dict[str, BinaryIO]]:
    """The body's parts by name, each in an unnamed file in `folder`; closed at the end.

    limits: the names that are known, and the most bytes of each.

    Raises MalformedBody, InvalidRequest for a name that is unknown or there twice, BodyTooLarge,
    StoreUnavailable.
    """
    async with AsyncExitStack() as files:
        parser = _Parser(_boundary(request), limits, folder, files)
        async for chunk in request.stream():
            with outages():
                await asyncio.to_thread(parser.feed, chunk)
        yield parser.finish()


class _Parser:
    """The callbacks of python-multipart, which run inside `feed`."""

    def __init__(
        self, boundary: bytes, limits: Mapping[str, int], folder: Path, files: AsyncExitStack
    ) -> None:
        self._limits, self._folder, self._files = limits, folder, files
        self._parts: dict[str, BinaryIO] = {}
        self._name, self._came = "", 0
        self._header, self._value, self._disposition = b"", b"", b""
        self._ended = False
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as error:  # a boundary that is too long
            raise MalformedBody(f"the body is not {MULTIPART}: {error}", param="Content-Type") from None

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedBody(f"the body is not {MULTIPART}: {error}") from None

    def finish(self) -> dict[str, BinaryIO]:
        if not self._ended:
            raise MalformedBody("the body ends before its last boundary")
        for file in self._parts.values():
            file.seek(0)
        return self._parts

    def _begin(self) -> None:
        self._header, self._value, self._disposition = b"", b"", b""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")[:80]
        if name not in self._limits:
            known = ", ".join(self._limits)
            raise InvalidRequest(f"{name!r} is not a part", param=name, suggestion=f"known here: {known}")
        if name in self._parts:
            raise InvalidRequest(f"the part {name} is there twice", param=name)
        self._name, self._came = name, 0
        file: BinaryIO = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        self._parts[name] = file
        self._files.callback(file.close)

    def _write(self, data: bytes, start: int, end: int) -> None:
        self._came += end - start
        if self._came > self._limits[self._name]:
            raise too_large(self._name, self._limits[self._name])
        self._parts[self._name].write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._ended = True


def too_large(name: str, most: int) -> BodyTooLarge:
    return BodyTooLarge(f"{name} is larger than {most} bytes", param=name, suggestion=f"at most {most} bytes")


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    if not (boundary := options.get(b"boundary")):
        raise MalformedBody(f"{MULTIPART} needs a boundary", param="Content-Type")
    return boundary
