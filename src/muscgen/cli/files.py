"""Where the songs of a command go: never half a file."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import cast, get_args

from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.request import Format

SLUG_CHARS = 48
CREDENTIALS, RECEIPT = ".c2pa", ".receipt.json"  # what lies beside a song, after its whole name


def format_of(path: Path) -> Format:
    """The format by the file's ending. Raises InvalidRequest naming the known ones."""
    ending = path.suffix.removeprefix(".").lower()
    if ending not in get_args(Format):
        known = ", ".join(f".{name}" for name in get_args(Format))
        raise InvalidRequest(
            f"{path} has no ending that names a format", param="output", suggestion=f"one of {known}"
        )
    return cast("Format", ending)


def paths_of(path: Path, count: int) -> list[Path]:
    """song.wav, or song-0.wav, song-1.wav … for several."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{index}{path.suffix}") for index in range(count)]


def check_writable(path: Path) -> None:
    """Before the work, not after it. Raises InvalidRequest."""
    folder = path.parent
    if not folder.is_dir():
        raise InvalidRequest(f"there is no folder {folder}", param="output", suggestion="make it first")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidRequest(f"{path} cannot be written", param="output")


def write(path: Path, content: bytes) -> None:
    """Whole or not at all. Raises ConfigurationError, for a full disk, say."""
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} could not be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)  # gone already when it was renamed


def write_song(path: Path, content: bytes, *, credentials: bytes | None, receipt: bytes | None) -> None:
    """A song and what belongs beside it; papers of a file that was there before go. Raises as `write`."""
    for ending, paper in ((CREDENTIALS, credentials), (RECEIPT, receipt)):
        if paper is not None:
            write(beside(path, ending), paper)
        else:
            beside(path, ending).unlink(missing_ok=True)
    write(path, content)


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def slug(text: str) -> str:
    """A prompt as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:SLUG_CHARS].strip("-") or "song"
