"""Artifacts in a directory.

    ab/abcd….flac   the content, named by its digest
    ab/abcd….json   the record: what it is and who owns it
    ab/abcd…+name   what was attached to it
    ab/.lock        held by whoever changes anything in ab/

A content without a record is not there. So a put writes the content before the record and the last release
removes the record before all else: a crash between two steps leaves at most files that the sweep clears.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from muscgen.artifacts import files, records
from muscgen.artifacts.records import Artifact, Record
from muscgen.artifacts.store import (
    Live,
    Store,
    Wants,
    attachable,
    checked,
    everything,
    is_digest,
    not_found,
    released,
)
from muscgen.errors import ArtifactNotFound, InternalError

_ATTACHED = "+"


class DirectoryStore(Store):
    """The store for one machine, or for several on one file system with working locks.

    root: made when needed; files are readable for their owner alone.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._clock = clock

    @files.outages()
    def check(self) -> None:
        files.make_private(self._root)
        with tempfile.TemporaryFile(dir=self._root) as file:
            file.write(b"muscgen")

    def add(
        self, made: Artifact, content: bytes | BinaryIO, owner: str, expires_at: float | None
    ) -> Artifact:
        files.make_private(self._shard(made.id))
        with files.locked(self._shard(made.id)):
            known = self._read(made.id)
            if known is None:  # what was attached in an earlier life does not come back with the content
                self._remove_attachments(made.id)
            record = (known or Record(made, {})).owned_by(owner, expires_at)
            # A file damaged on disk is written anew: its next maker has the right content at hand.
            if not self._intact(record.artifact):
                files.write(self._content(record.artifact), content)
            self._write(record)
        return record.artifact

    @files.outages()
    def share(self, artifact_id: str, owner: str, expires_at: float | None = None) -> Artifact:
        shard = self._shard(checked(artifact_id))
        if not shard.is_dir():
            raise not_found(artifact_id)
        with files.locked(shard):
            record = self._record(artifact_id).owned_by(owner, expires_at)
            self._write(record)
        return record.artifact

    @files.outages()
    def look(self, artifact_id: str) -> Record:
        return self._record(artifact_id)

    @files.outages()
    def open(self, artifact_id: str, *, verify: bool = False) -> BinaryIO:
        artifact = self.get(artifact_id)
        if verify and not self._intact(artifact):
            raise InternalError(f"the content of artifact {artifact_id} is damaged or lost")
        try:
            return self._content(artifact).open("rb")
        except FileNotFoundError as error:  # released since we looked, or lost
            raise not_found(artifact_id) from error

    @files.outages()
    def verify(self, artifact_id: str) -> bool:
        return self._intact(self.get(artifact_id))

    @files.outages()
    def attach(self, artifact_id: str, name: str, content: bytes) -> None:
        shard = self._shard(checked(artifact_id))
        path = self._attachment(artifact_id, attachable(name, content))
        if not shard.is_dir():
            raise not_found(artifact_id)
        with files.locked(shard):
            self._record(artifact_id)
            files.write(path, content)

    @files.outages()
    def attachment(self, artifact_id: str, name: str) -> bytes:
        self._record(artifact_id)
        try:
            return self._attachment(artifact_id, attachable(name)).read_bytes()
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"artifact {artifact_id} has no {name}", param="id") from error

    @files.outages()
    def release(self, artifact_id: str, owner: str) -> bool:
        shard = self._shard(checked(artifact_id))
        if not shard.is_dir():
            return False
        with files.locked(shard):
            record = self._read(artifact_id)
            if record is None or owner not in record.owners:
                return False
            left = record.without(owner)
            if left.owners:
                self._write(left)
                return False
            self._remove(record.artifact)
            return True

    @files.outages()
    def sweep(self, live: Live, wants: Wants = everything) -> int:
        # Owners are asked about outside the lock, since `live` may ask a server.
        gone = 0
        for artifact_id, record in self._records():
            dead = released(artifact_id, record.owners, live, wants)
            gone += sum(self.release(artifact_id, owner) for owner in dead)
        self._clear_leftovers()
        return gone

    def _shard(self, artifact_id: str) -> Path:
        return self._root / artifact_id[:2]

    def _content(self, artifact: Artifact) -> Path:
        return self._shard(artifact.id) / artifact.filename

    def _attachment(self, artifact_id: str, name: str) -> Path:
        return self._shard(artifact_id) / f"{artifact_id}{_ATTACHED}{name}"

    def _record_path(self, artifact_id: str) -> Path:
        return self._shard(artifact_id) / f"{artifact_id}.json"

    def _record(self, artifact_id: str) -> Record:
        record = self._read(checked(artifact_id))
        if record is None:
            raise not_found(artifact_id)
        return record

    def _read(self, artifact_id: str) -> Record | None:
        try:
            text = self._record_path(artifact_id).read_bytes()
        except FileNotFoundError:
            return None
        return records.read(text, artifact_id)

    def _write(self, record: Record) -> None:
        files.write(self._record_path(record.artifact.id), record.to_json())

    def _intact(self, artifact: Artifact) -> bool:
        try:
            return files.digest(self._content(artifact)) == artifact.id
        except FileNotFoundError:
            return False

    def _remove(self, artifact: Artifact) -> None:
        self._record_path(artifact.id).unlink()
        files.sync(self._shard(artifact.id))
        self._content(artifact).unlink(missing_ok=True)
        self._remove_attachments(artifact.id)
        files.sync(self._shard(artifact.id))

    def _remove_attachments(self, artifact_id: str) -> None:
        for path in self._shard(artifact_id).glob(f"{artifact_id}{_ATTACHED}*"):
            path.unlink(missing_ok=True)

    def _records(self) -> Iterator[tuple[str, Record]]:
        for path in sorted(self._root.glob("??/*.json")):
            record = self._read(path.stem) if is_digest(path.stem) else None
            if record is not None:
                yield path.stem, record

    def _clear_leftovers(self) -> None:
        """Remove unfinished files and contents without a record; under the lock nobody is at work."""
        for shard in sorted(self._root.glob("??/")):
            with files.locked(shard):
                for path in shard.iterdir():
                    if path.name.startswith(files.TEMPORARY) or self._is_orphan(path):
                        path.unlink()

    def _is_orphan(self, path: Path) -> bool:
        artifact_id = path.name.partition(_ATTACHED)[0].partition(".")[0]
        return not path.name.startswith(".") and not self._record_path(artifact_id).exists()
