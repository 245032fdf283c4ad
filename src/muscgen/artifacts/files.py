"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from muscgen import telemetry
from muscgen.errors import StoreFull, StoreUnavailable

TEMPORARY = ".tmp-"  # the beginning of the names of unfinished files
_LOCK = ".lock"
_COPY_BYTES = 1 << 20
FULL = {errno.ENOSPC, errno.EDQUOT}


@contextlib.contextmanager
def outages() -> Iterator[None]:
    """Turn what a disk answers that is full, away or read-only into StoreFull and StoreUnavailable."""
    try:
        yield
    except OSError as error:
        telemetry.warning("store.away", reason=error.strerror)
        if error.errno in FULL:
            raise StoreFull("no space is left for files", retry_after_s=60.0) from error
        raise StoreUnavailable("the store of files does not answer", retry_after_s=5.0) from error


def make_private(directory: Path) -> None:
    """Make the directory and its parents, for its owner alone, and remember it in its parent."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
        sync(directory.parent)


def write(path: Path, content: bytes | BinaryIO) -> None:
    """Put the content at the path in one step, durably: temporary file, fsync, rename, fsync of directory.

    When it fails, nothing is left of it.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content.seek(0)
                shutil.copyfileobj(content, file, _COPY_BYTES)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except Exception:  # what a crash leaves is swept
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(directory: Path) -> None:
    """Make renames and removals in the directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Alone in the directory, among threads and processes; a dead holder's lock goes with it."""
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def digest(content: Path | bytes | BinaryIO) -> str:
    """sha256 of the content, in hex."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    if isinstance(content, Path):
        with content.open("rb") as file:
            return digest(file)
    content.seek(0)
    found = hashlib.sha256()
    while block := content.read(_COPY_BYTES):
        found.update(block)
    return found.hexdigest()


def size(content: bytes | BinaryIO) -> int:
    """In bytes."""
    return len(content) if isinstance(content, bytes) else content.seek(0, os.SEEK_END)
