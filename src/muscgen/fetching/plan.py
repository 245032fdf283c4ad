"""What is to be fetched, and the protocol of the places that have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from muscgen.errors import FilesWrong
from muscgen.models.record import Place

_NAME = re.compile(r"[A-Za-z0-9_][\w.+@=-]{0,120}")
_DEEPEST = 3
MOST_FILES = 1_000
MANIFEST = "muscgen-manifest.json"  # in a folder that models are pulled from


@dataclass(frozen=True, slots=True)
class Item:
    """A file. name: where it goes in the model's folder; source: what the place calls it.

    One of the digests is known: sha256 in hex, or git's, the SHA-1 of its blob.
    """

    name: str
    source: str
    bytes: int
    sha256: str | None = None
    git_sha1: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        for digest, digits in ((self.sha256, 64), (self.git_sha1, 40)):
            if digest is not None and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", digest):
                raise FilesWrong(f"{self.name}: {digest[:80]!r} is no digest")
        if self.bytes < 0 or (self.sha256 or self.git_sha1) is None:
            raise FilesWrong(f"{self.name}: neither its size nor its digest may be left open")

    @property
    def part(self) -> str:
        """The name of what has come so far. It has the digest in it, so parts of two versions never mix."""
        return f"{(self.sha256 or self.git_sha1 or '')[:40]}.part"


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of one version. `asked` and `commit` as in Record."""

    place: Place
    address: str
    asked: str
    commit: str
    items: tuple[Item, ...]

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)


@dataclass(frozen=True, slots=True)
class Stream:
    """A file's bytes from `start` on: what was asked for, or 0 where the place cannot begin in the middle."""

    start: int
    blocks: Iterator[bytes]


class Source(Protocol):
    """A place. Errors: Transient where another try may help, FetchFailed and its kinds where none does."""

    def plan(self) -> Plan:
        """What is there."""

    def read(self, item: Item, start: int) -> AbstractContextManager[Stream]:
        """The file from a byte on."""

    def close(self) -> None:
        """Give its connections back."""


class Transient(Exception):  # noqa: N818  it may pass
    """Another try may help. wait_s: how long the place wants to be left alone."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def check_name(name: str) -> None:
    """Raises FilesWrong for a name that does not stay inside a folder."""
    parts = PurePosixPath(name).parts
    whole = bool(name) and len(parts) <= _DEEPEST and "/".join(parts) == name
    if not whole or not all(_NAME.fullmatch(part) for part in parts):
        raise FilesWrong(f"{name[:200]!r} is no name of a model's file")
