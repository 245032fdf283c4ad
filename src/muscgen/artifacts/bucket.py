"""Artifacts in a bucket: S3 and whatever speaks like it, Google Cloud Storage, Azure.

What is kept, and why it is safe among any number of writers, `lives` says. A put writes the content before
the record, so a crash leaves at most a content that the sweep clears. Two who put equal content at the same
moment begin two lives, which count as one artifact, and each goes with its owners.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from muscgen.artifacts import files, records
from muscgen.artifacts.lives import CHECKS, Life, Lives, check_conditions
from muscgen.artifacts.objects import BLOCK_BYTES, Objects
from muscgen.artifacts.records import Artifact, Record
from muscgen.artifacts.store import Live, Store, Wants, attachable, checked, everything, not_found
from muscgen.artifacts.sweeping import Sweeper
from muscgen.errors import ArtifactNotFound, InternalError, StoreUnavailable

LOCKS = 64
TURNS = 10  # of a put whose content is taken for abandoned while it comes
ATTACHED_TYPE = "application/octet-stream"


class BucketStore(Store):
    """The store for any number of machines. spool: the folder of files that are needed here for a while."""

    def __init__(
        self,
        objects: Objects,
        spool: Path,
        *,
        clock: Callable[[], float] = time.time,
        sweeper: Sweeper | None = None,
    ) -> None:
        self._objects = objects
        self._lives = Lives(objects, clock)
        self._spool = spool
        self._clock = clock
        self._sweeper = sweeper or Sweeper(objects, self._lives, clock)
        self._honours_conditions = False
        # Threads of one process take turns, rather than write against each other.
        self._turns = [threading.Lock() for _ in range(LOCKS)]

    def check(self) -> None:
        if self._honours_conditions:
            self._objects.read(CHECKS)
        else:
            check_conditions(self._objects)
            self._honours_conditions = True

    def add(
        self, made: Artifact, content: bytes | BinaryIO, owner: str, expires_at: float | None
    ) -> Artifact:
        with self._changing(made.id):
            for _ in range(TURNS):
                if (life := self._join(made.id, owner, expires_at)) is not None:
                    self._mend(life, content)
                    return life.record.artifact
                record = Record(made, {}).owned_by(owner, expires_at)
                if (life := self._lives.begin(record, content)) is not None:
                    return life.record.artifact
        raise StoreUnavailable("the content was swept while it came")

    def share(self, artifact_id: str, owner: str, expires_at: float | None = None) -> Artifact:
        with self._changing(checked(artifact_id)):
            life = self._join(artifact_id, owner, expires_at)
        if life is None:
            raise not_found(artifact_id)
        return life.record.artifact

    def look(self, artifact_id: str) -> Record:
        return records.together([life.record for life in self._some_lives(artifact_id)])

    def open(self, artifact_id: str, *, verify: bool = False) -> BinaryIO:
        lives = self._some_lives(artifact_id)
        if verify:
            return self._verified(artifact_id, lives)
        for life in lives:
            if life.whole:
                return self._file(life)
        raise not_found(artifact_id)

    def verify(self, artifact_id: str) -> bool:
        return any(map(self._intact, self._some_lives(artifact_id)))

    def direct_url(self, artifact_id: str, expires_in_s: float) -> str | None:
        return self._objects.url(self._some_lives(artifact_id)[0].content, expires_in_s)

    def attach(self, artifact_id: str, name: str, content: bytes) -> None:
        attachable(name, content)
        for life in self._some_lives(artifact_id):
            self._objects.write(life.attached(name), content, ATTACHED_TYPE, name)

    def attachment(self, artifact_id: str, name: str) -> bytes:
        attachable(name)
        for life in self._some_lives(artifact_id):
            if (found := self._objects.read(life.attached(name))) is not None:
                return found[0]
        raise ArtifactNotFound(f"artifact {artifact_id} has no {name}", param="id")

    def release(self, artifact_id: str, owner: str) -> bool:
        with self._changing(checked(artifact_id)):
            lives = [life for life in self._lives.of(artifact_id) if owner in life.record.owners]
            went = [self._lives.drop(life, [owner]) for life in lives]
            return any(went) and not self._lives.of(artifact_id)

    def sweep(self, live: Live, wants: Wants = everything) -> int:
        return self._sweeper.sweep(live, wants)

    @contextlib.contextmanager
    def _changing(self, artifact_id: str) -> Iterator[None]:
        if not self._honours_conditions:
            self.check()
        with self._turns[int(artifact_id[:8], 16) % LOCKS]:
            yield

    def _some_lives(self, artifact_id: str) -> list[Life]:
        lives = self._lives.of(checked(artifact_id))
        if not lives:
            raise not_found(artifact_id)
        return lives

    def _join(self, artifact_id: str, owner: str, until: float | None) -> Life | None:
        for life in self._lives.of(artifact_id):
            joined = self._lives.change(life, lambda record: record.owned_by(owner, until))
            if joined is not None:
                return joined
        return None

    def _mend(self, life: Life, content: bytes | BinaryIO) -> None:
        """Write a damaged content anew. That owns it already: nobody clears it meanwhile."""
        if not self._intact(life):
            self._lives.write_content(life.key, life.record.artifact, content)

    def _file(self, life: Life) -> BinaryIO:
        return self._objects.file(life.content, life.record.artifact.bytes)

    def _intact(self, life: Life) -> bool:
        if not life.whole:
            return False
        with self._file(life) as file:
            return files.digest(file) == life.record.artifact.id

    @files.outages()
    def _verified(self, artifact_id: str, lives: list[Life]) -> BinaryIO:
        files.make_private(self._spool)
        local = cast("BinaryIO", tempfile.TemporaryFile(dir=self._spool))  # noqa: SIM115
        for life in lives:
            if not life.whole:
                continue
            local.seek(0)
            local.truncate()
            with self._file(life) as file:
                shutil.copyfileobj(file, local, BLOCK_BYTES)
            if files.digest(local) == artifact_id:
                local.seek(0)
                return local
        local.close()
        raise InternalError(f"the content of artifact {artifact_id} is damaged or lost")
