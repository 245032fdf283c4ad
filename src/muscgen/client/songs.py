"""Where the bytes of a song are, and how they become a file that is whole or not there."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from muscgen.client.documents import JobDocument, Output
from muscgen.errors import InternalError, InvalidRequest

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")


def output_of(job: JobDocument, index: int) -> Output:
    """Raises InvalidRequest for an output that the job has not, or not yet."""
    for output in job.outputs:
        if output.index == index:
            return output
    raise InvalidRequest(
        f"{job.id} ({job.status}) has no output {index}",
        param="output",
        suggestion="wait() until it is done" if not job.final else f"0 to {max(0, len(job.outputs) - 1)}",
    )


def format_of(path: Path) -> str:
    """Raises InvalidRequest for an ending that is no format."""
    ending = path.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise InvalidRequest(f"{path} names no format", param="path", suggestion=", ".join(FORMATS))
    return ending


def source_of(job: JobDocument, output: Output, wanted: str) -> tuple[str, dict[str, str], str | None]:
    """Address, parameters and, where the file is kept as it is wanted, its sha256."""
    made = job.request.get("output", {}).get("format")
    if wanted == made:
        return output.artifact.url, {}, output.artifact.sha256
    return output.stream_url, {"format": wanted}, None


def checked(content: bytes, sha256: str) -> bytes:
    """Raises InternalError for a content that is not what the job says."""
    _compare(hashlib.sha256(content).hexdigest(), sha256)
    return content


def _compare(found: str, sha256: str) -> None:
    if found != sha256:
        raise InternalError(f"the file's sha256 is {found}, and the job says {sha256}")


class Writing:
    """Writes beside the path; only a whole file, of the right digest, takes its place."""

    def __init__(self, path: Path, sha256: str | None) -> None:
        self._path = path
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._file = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._file.write(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        try:
            if kind is not None:
                return
            if self._sha256 is not None:
                _compare(self._digest.hexdigest(), self._sha256)
            self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)


@contextmanager
def opened(body: bytes | Path | None) -> Iterator[bytes | Iterator[bytes] | None]:
    """A body as httpx takes it; a file is read in pieces."""
    if not isinstance(body, Path):
        yield body
        return
    with body.open("rb") as file:
        yield iter(lambda: file.read(1 << 16), b"")
