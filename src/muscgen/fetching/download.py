"""One file: fetched to a part, gone on with where it stopped, checked, and only then given its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from muscgen import telemetry
from muscgen.artifacts.files import FULL, make_private, sync
from muscgen.errors import FilesWrong, StoreFull
from muscgen.fetching.patience import Patience
from muscgen.fetching.plan import Item, Source, Transient

PARTS = ".parts"
_BLOCK_BYTES = 1 << 20

Tell = Callable[[int], None]  # bytes of the file that are there


class Part:
    """What has come of a file, and its digest so far."""

    def __init__(self, item: Item, folder: Path) -> None:
        self._item = item
        make_private(folder / PARTS)
        self.path = folder / PARTS / item.part
        if (named := folder / item.name).is_file():  # right when it got its name; it is judged anew
            named.replace(self.path)
        self.bytes = 0
        self._sha256, self._git = _begun(item)
        self._read_again()

    def _read_again(self) -> None:
        """What an earlier process left; longer than the file, it is none of it."""
        self.path.touch(0o600)
        if self.path.stat().st_size > self._item.bytes:
            self.clear()
            return
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                self._count(block)

    def clear(self) -> None:
        """From the beginning."""
        self.path.write_bytes(b"")
        self.bytes = 0
        self._sha256, self._git = _begun(self._item)

    def append(self, block: bytes, file: BinaryIO) -> None:
        """Raises FilesWrong beyond the file's size."""
        if self.bytes + len(block) > self._item.bytes:
            self.clear()
            raise FilesWrong(
                f"{self._item.name} is larger than the {self._item.bytes} bytes it is said to have"
            )
        file.write(block)
        self._count(block)

    def right(self) -> bool:
        """Whether the digest is the one that was promised."""
        if self._item.sha256 is not None:
            return self.sha256 == self._item.sha256
        return self._git.hexdigest() == self._item.git_sha1

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def _count(self, block: bytes) -> None:
        self._sha256.update(block)
        if self._item.sha256 is None:
            self._git.update(block)
        self.bytes += len(block)


def fetch(item: Item, source: Source, folder: Path, patience: Patience, tell: Tell) -> str:
    """The file in the folder under its name; its SHA-256. What is there already is judged anew.

    Raises FilesWrong, SourceAway and the source's own; StoreFull; Cancelled. The part stays, unless it is
    wrong.
    """
    part = Part(item, folder)
    resumed = part.bytes > 0
    tell(part.bytes)
    _complete(item, source, part, patience, tell)
    if not part.right() and resumed:  # its beginning was another's, or the disk's after a power cut
        telemetry.warning("fetch.part_wrong", file=item.name)
        part.clear()
        _complete(item, source, part, patience, tell)
    if not part.right():
        part.path.unlink()
        raise FilesWrong(
            f"{item.name} is not what it was said to be: its digest is another",
            suggestion="try again; if it stays so, the place has a damaged or a changed file",
        )
    _name(part, folder / item.name)
    return part.sha256


def _complete(item: Item, source: Source, part: Part, patience: Patience, tell: Tell) -> None:
    """Until all bytes are there."""
    failures, most = 0, part.bytes  # a place that cannot begin in the middle begins anew at every try
    while part.bytes < item.bytes:
        patience.check()
        try:
            _more(item, source, part, patience, tell)
            trouble = Transient("the connection ended early")
        except Transient as error:
            trouble = error
        if part.bytes < item.bytes:
            failures = 1 if part.bytes > most else failures + 1
            most = max(most, part.bytes)
            patience.wait(failures, trouble, item.name)


def _more(item: Item, source: Source, part: Part, patience: Patience, tell: Tell) -> None:
    with source.read(item, part.bytes) as stream:
        if stream.start != part.bytes:
            part.clear()
        try:
            with part.path.open("ab") as file:
                for block in stream.blocks:
                    part.append(block, file)
                    tell(part.bytes)
                    patience.check()
        except OSError as error:
            if error.errno in FULL:
                raise StoreFull(f"no space is left for {item.name} in {part.path.parent}") from error
            raise


def _name(part: Part, path: Path) -> None:
    """Durably: the content, then the name."""
    make_private(path.parent)
    with part.path.open("rb+") as file:
        os.fsync(file.fileno())
    part.path.replace(path)
    sync(path.parent)


def _begun(item: Item) -> tuple[hashlib._Hash, hashlib._Hash]:
    git = hashlib.sha1(f"blob {item.bytes}\0".encode(), usedforsecurity=False)
    return hashlib.sha256(), git
