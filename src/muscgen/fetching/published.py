"""Folders: with a manifest, on a web server or in a bucket; of this machine, without one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from muscgen.errors import ConfigurationError, FilesWrong, SourceMissing, SourceRefused
from muscgen.fetching.manifest import MOST_BYTES, Manifest, manifest_of, read_manifest
from muscgen.fetching.plan import MANIFEST, Item, Plan, Stream, Transient
from muscgen.fetching.terms import check_said
from muscgen.fetching.web import Web, shown
from muscgen.models.card import CARD, read_card
from muscgen.models.folder import read_outline
from muscgen.models.record import Place
from muscgen.models.terms import Said, Terms

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig

_BLOCK_BYTES = 1 << 20
_BEYOND = "416 Range Not Satisfiable"  # obstore has no error of its own for it
RETRIES: RetryConfig = {"max_retries": 2}  # within one try of ours


class Folder(Protocol):
    """Files by name, from a byte on."""

    place: Place
    address: str  # as it may be written down: without what opens it

    def read(self, name: str, start: int) -> AbstractContextManager[Stream]: ...

    def close(self) -> None: ...


class Published:
    """A folder with a manifest. revision: the manifest's SHA-256, where it has to be a certain one.

    license: under which it was permitted; where the manifest says another one, nothing is fetched.
    """

    def __init__(
        self, folder: Folder, model: str, revision: str | None = None, license_: str | None = None
    ) -> None:
        self._folder, self._model, self._revision, self._license = folder, model, revision, license_

    def manifest(self) -> tuple[Manifest, str]:
        """It, and its SHA-256. Raises Transient, SourceMissing, SourceRefused, FilesWrong."""
        where = f"{self._folder.address}/{MANIFEST}"
        content = bytearray()
        with self._folder.read(MANIFEST, 0) as stream:
            for block in stream.blocks:
                content += block
                if len(content) > MOST_BYTES:
                    raise FilesWrong(f"{where} has more than {MOST_BYTES} bytes")
        found = hashlib.sha256(content).hexdigest()
        if self._revision not in (None, found):
            raise FilesWrong(f"{where} is another: its SHA-256 is {found}", param="revision")
        manifest = read_manifest(bytes(content), where)
        if manifest.id != self._model:
            raise FilesWrong(f"{where} is of {manifest.id!r}, not of {self._model!r}", param="model")
        return manifest, found

    def plan(self) -> Plan:
        manifest, commit = self.manifest()
        if manifest.license is not None:
            where = f"{self._folder.address}/{MANIFEST}"
            check_said(Said(self._license), {"license": manifest.license}, where)
        return Plan(self._folder.place, self._folder.address, self._revision or "", commit, manifest.items())

    def read(self, item: Item, start: int) -> AbstractContextManager[Stream]:
        return self._folder.read(item.source, start)

    def close(self) -> None:
        self._folder.close()


class Here:
    """A folder of this machine. Its files are read for their digests, and again when they are copied."""

    def __init__(self, folder: Path, model: str, terms: Terms) -> None:
        self._folder, self._model, self._terms = folder, model, terms

    def plan(self) -> Plan:
        manifest = manifest_of(self._folder, self._model, self._terms)
        if (self._folder / CARD).is_file():
            read_card(self._folder)  # raises in words of this folder, before anything is copied
        else:
            read_outline(self._folder)
        return Plan("folder", str(self._folder), "", manifest.commit, manifest.items())

    @contextmanager
    def read(self, item: Item, start: int) -> Iterator[Stream]:
        with (self._folder / item.source).open("rb") as file:
            file.seek(start)
            yield Stream(start, iter(lambda: file.read(_BLOCK_BYTES), b""))

    def close(self) -> None:
        """Nothing is open between reads."""


class WebFolder:
    """https://host/path, or http. A query, as signed URLs have one, goes with every file."""

    place: Place = "web"

    def __init__(self, url: str) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise SourceMissing(f"{shown(url)!r} is no URL: {error}", param="from") from error
        self.address = shown(str(self._url)).rstrip("/")
        self._web = Web({})

    def read(self, name: str, start: int) -> AbstractContextManager[Stream]:
        path = f"{self._url.path.rstrip('/')}/{name}"
        return self._web.read(str(self._url.copy_with(path=path)), start)

    def close(self) -> None:
        self._web.close()


class Bucket:
    """s3://bucket/prefix, gs://..., az://...: through obstore, by each cloud's usual variables and files."""

    place: Place = "bucket"

    def __init__(self, url: str) -> None:
        try:
            from obstore import exceptions
            from obstore.store import from_url
        except ImportError as error:
            raise ConfigurationError(
                "buckets are read by obstore, which is not installed",
                param="from",
                suggestion="pip install 'muscgen[bucket]'",
            ) from error
        self.address = shown(url).rstrip("/")
        self._errors = exceptions
        try:
            self._store: ObjectStore = from_url(url, retry_config=RETRIES)
        except (exceptions.BaseError, ValueError) as error:  # ValueError: what is no URL
            raise SourceMissing(f"{shown(url)!r} is no bucket: {_first_line(error)}", param="from") from error

    @contextmanager
    def read(self, name: str, start: int) -> Iterator[Stream]:
        import obstore

        refused = (PermissionError, self._errors.PermissionDeniedError, self._errors.UnauthenticatedError)
        try:
            answer = obstore.get(self._store, name, options={"range": {"offset": start}} if start else None)
            yield Stream(answer.range[0], (bytes(block) for block in answer.stream(_BLOCK_BYTES)))
        except (FileNotFoundError, self._errors.NotFoundError) as error:
            raise SourceMissing(f"{self.address}/{name} is not there") from error
        except refused as error:
            raise SourceRefused(f"{self.address}/{name} may not be read: {_first_line(error)}") from error
        except self._errors.BaseError as error:
            if start and _BEYOND in str(error):
                where = f"{self.address}/{name}"
                raise FilesWrong(f"{where} ends before byte {start}: it is shorter than was said") from error
            raise Transient(_first_line(error)) from error

    def close(self) -> None:
        """obstore closes its own."""


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
