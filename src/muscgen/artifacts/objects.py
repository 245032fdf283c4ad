"""What the store needs of a bucket: whole reads, writes on condition, and one way of being away."""

from __future__ import annotations

import contextlib
import io
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from muscgen import telemetry
from muscgen.errors import ConfigurationError, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Store

BLOCK_BYTES = 1 << 20  # of a range read: 30 ms away, that is 30 MB/s for one listener
PART_BYTES = 5 << 20  # S3's least: each is sent and answered within the limit of opening.py
PARTS_AT_ONCE = 2  # what an upload holds in memory
RETRY_S = 5.0
_AWAY = "the store of files does not answer"
# How MinIO, Ceph and Google say that the disk or the quota is full.
_FULL = re.compile(r"StorageFull|QuotaExceeded|quotaExceeded|507 Insufficient Storage")


@dataclass(frozen=True, slots=True)
class Version:
    """Of an object: what a conditional write names."""

    e_tag: str | None
    number: str | None  # Google's generation

    @classmethod
    def of(cls, answer: obstore.PutResult | obstore.ObjectMeta) -> Version:
        return cls(answer["e_tag"], answer["version"])

    def condition(self) -> obstore.UpdateVersion:
        named: obstore.UpdateVersion = {}
        if self.e_tag is not None:
            named["e_tag"] = self.e_tag
        if self.number is not None:
            named["version"] = self.number
        return named


@dataclass(frozen=True, slots=True)
class Found:
    """An object in a listing. changed_at: Unix seconds by the bucket's clock."""

    key: str
    bytes: int
    version: Version
    changed_at: float


class Objects:
    """A bucket. Every method raises StoreUnavailable while it does not answer or refuses us."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._away = False
        self._trying = threading.Lock()

    def read(self, key: str) -> tuple[bytes, Version] | None:
        """The object, whole; None where there is none."""
        with self._asked():
            try:
                answer = obstore.get(self._store, key)
                return bytes(answer.bytes()), Version.of(answer.meta)
            except FileNotFoundError:
                return None

    def create(self, key: str, content: bytes) -> Version | None:
        """None where something is there already."""
        with self._asked():
            try:
                return Version.of(obstore.put(self._store, key, content, mode="create"))
            except AlreadyExistsError:
                return None

    def replace(self, key: str, content: bytes, version: Version) -> Version | None:
        """None where it is no longer that version."""
        with self._asked():
            try:
                return Version.of(obstore.put(self._store, key, content, mode=version.condition()))
            except PreconditionError:
                return None

    def write(self, key: str, content: bytes | BinaryIO, content_type: str, filename: str) -> None:
        """Put the object there, whatever was there; a file in parts, from its beginning."""
        if not isinstance(content, bytes):
            content.seek(0)
        attributes = {
            "Content-Type": content_type,
            "Content-Disposition": f'inline; filename="{filename}"',
        }
        with self._asked():
            obstore.put(
                self._store,
                key,
                content,
                attributes=attributes,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )

    def delete(self, key: str) -> None:
        """What is not there needs no deleting."""
        with self._asked(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    def list(self, prefix: str | None = None) -> Iterator[Found]:
        """Everything below the prefix, which ends at a slash of the keys; in the order of the keys."""
        pages = iter(obstore.list(self._store, prefix, chunk_size=1000))  # asks nothing yet
        while True:
            with self._asked():
                page = next(pages, None)
            if page is None:
                return
            for each in page:
                changed_at = each["last_modified"].timestamp()
                yield Found(each["path"], each["size"], Version.of(each), changed_at)

    def file(self, key: str, size: int) -> BinaryIO:
        """The object as a file that reads what it is asked for, a block at a time."""

        def block(start: int, end: int) -> memoryview:
            with self._asked():
                return memoryview(obstore.get_range(self._store, key, start=start, end=end))

        return io.BufferedReader(_Blocks(block, size), BLOCK_BYTES)

    def url(self, key: str, expires_in_s: float) -> str:
        """Where anybody may get the object for that long."""
        with outages():
            return obstore.sign(cast("S3Store", self._store), "GET", key, timedelta(seconds=expires_in_s))

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Around each request. While the bucket does not answer, one at a time tries whether it does again.

        So one that hangs does not hold all threads of a service, each for as long as it takes to be sure.
        """
        trying = self._away
        if trying and not self._trying.acquire(blocking=False):
            raise StoreUnavailable(_AWAY, retry_after_s=RETRY_S)
        try:
            with outages():
                yield
            self._away = False
        except StoreUnavailable as error:
            self._away = isinstance(error.__cause__, GenericError) and not isinstance(error, StoreFull)
            raise
        finally:
            if trying:
                self._trying.release()


class _Blocks(io.RawIOBase):
    def __init__(self, block: Callable[[int, int], memoryview], size: int) -> None:
        self._block, self._size, self._place = block, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readall(self) -> bytes:  # by Python's own, a request for every 8 kB
        return b"".join(iter(lambda: self.read(BLOCK_BYTES) or b"", b""))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        end = min(self._place + len(buffer), self._size)
        if self._place >= end:
            return 0
        block = self._block(self._place, end)
        buffer[: len(block)] = block
        self._place += len(block)
        return len(block)


@contextlib.contextmanager
def outages() -> Iterator[None]:
    """Turn what obstore raises into StoreFull and StoreUnavailable."""
    try:
        yield
    except (BaseError, OSError) as error:
        if isinstance(error, AlreadyExistsError | PreconditionError):
            raise
        reason = re.sub(r"\?\S+", "?...", str(error).partition("\n")[0])[:300]  # without signatures
        telemetry.warning("store.away", kind=type(error).__name__, reason=reason)
        if _FULL.search(str(error)):
            raise StoreFull("no space is left for files", retry_after_s=60.0) from error
        raise StoreUnavailable(_AWAY, retry_after_s=RETRY_S) from error


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn what no waiting mends into ConfigurationError: somebody is there when a service starts."""
    try:
        yield
    except StoreUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ConfigurationError("there is no such bucket", param="artifacts_url") from error
        if isinstance(error.__cause__, PermissionDeniedError | UnauthenticatedError):
            raise ConfigurationError("the bucket refuses these credentials", param="artifacts_url") from error
        raise
