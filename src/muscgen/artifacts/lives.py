"""Contents in a bucket, each for a life: how one begins, is changed, and is over for good.

    <sha256>/<life>/content          the file
    <sha256>/<life>/record.json      what it is and who owns it
    <sha256>/<life>/attached/<name>  what was attached to it

Nothing in a bucket can be locked, and nothing deleted on condition; but a record is written on the condition
that nobody wrote it meanwhile. So no name is used twice: a content that comes begins a life, under a name
that is drawn for it, and the life is over once its record names no owner. What is over never comes back, so
anybody may clear it away, as late and as often as they come by.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import BinaryIO

from muscgen.artifacts import records
from muscgen.artifacts.objects import Objects, Version, refusals
from muscgen.artifacts.records import Artifact, Record
from muscgen.errors import ConfigurationError, StoreUnavailable

TURNS = 60  # of a change that others keep coming before
LONGEST_PAUSE_S = 0.5
CHECKS = "checks"  # the folder of what a check writes; the sweep clears those of the dead
_DICE = secrets.SystemRandom()
_CONTENT, _RECORD, _ATTACHED = "content", "record.json", "attached"


@dataclass(frozen=True, slots=True)
class Life:
    """A life that is not over, as it was when we looked. key: `<sha256>/<life>`."""

    key: str
    record: Record
    version: Version
    whole: bool = True  # whether the content was there

    @property
    def content(self) -> str:
        return f"{self.key}/{_CONTENT}"

    def attached(self, name: str) -> str:
        return f"{self.key}/{_ATTACHED}/{name}"


class Lives:
    """The lives in a bucket. Raises StoreUnavailable, as all of it does."""

    def __init__(self, objects: Objects, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock

    def of(self, artifact_id: str) -> list[Life]:
        """Those of a content: one, unless two began at once, or none."""
        there = {found.key for found in self._objects.list(artifact_id)}
        keys = sorted(key.removesuffix(f"/{_RECORD}") for key in there if key.endswith(f"/{_RECORD}"))
        lives = [life for key in keys if (life := self.read(key)) is not None]
        return [replace(life, whole=life.content in there) for life in lives]

    def read(self, key: str) -> Life | None:
        """None for one that is over, that never was, or whose record is damaged."""
        found = self.record(key)
        return Life(key, *found) if found is not None and found[0].owners else None

    def record(self, key: str) -> tuple[Record, Version] | None:
        """Also of a life that is over."""
        found = self._objects.read(record_key(key))
        record = None if found is None else records.read(found[0], key)
        return None if found is None or record is None else (record, found[1])

    def begin(self, record: Record, content: bytes | BinaryIO) -> Life | None:
        """A new life. None where a sweep took the content for abandoned before its record was written."""
        key = f"{record.artifact.id}/{secrets.token_hex(8)}"
        self.write_content(key, record.artifact, content)
        version = self._objects.create(record_key(key), record.to_json())
        # None may be an answer to a second asking, too: the record says whether it is ours.
        return self.read(key) if version is None else Life(key, record, version)

    def write_content(self, key: str, artifact: Artifact, content: bytes | BinaryIO) -> None:
        name = f"muscgen-{artifact.id[:12]}.{artifact.extension}"
        self._objects.write(f"{key}/{_CONTENT}", content, artifact.content_type, name)

    def change(self, life: Life, change: Callable[[Record], Record]) -> Life | None:
        """The life, with what `change` makes of its record as it is by then; None where it is over."""
        record, version = life.record, life.version
        for turn in range(TURNS):
            wanted = change(record)
            written = version if wanted == record else self._write(life.key, wanted, version)
            if written is not None:
                return replace(life, record=wanted, version=written)
            time.sleep(_DICE.uniform(0.0, min(LONGEST_PAUSE_S, 0.005 * 2**turn)))
            found = self.record(life.key)
            if found is not None and found[0] == wanted:
                # An answer was lost on its way, and the client of the bucket asked twice.
                return replace(life, record=wanted, version=found[1])
            if found is None or not found[0].owners:
                return None
            record, version = found
        raise StoreUnavailable("too many change that file at once", retry_after_s=1.0)

    def _write(self, key: str, record: Record, version: Version) -> Version | None:
        return self._objects.replace(record_key(key), record.to_json(), version)

    def drop(self, life: Life, owners: Collection[str]) -> bool:
        """Strike owners; True where none was left, and the content went."""
        left = self.change(life, lambda record: record.without(*owners))
        if left is None or left.record.owners:
            return False
        self.clear(left.key)
        return True

    def take_abandoned(self, key: str) -> None:
        """Clear what has no record, unless one comes at this moment."""
        artifact_id = key.partition("/")[0]
        nothing = Artifact(artifact_id, "application/octet-stream", "bin", 0, 0.0, 0, 0, self._clock())
        over = Record(nothing, {})
        if self._objects.create(record_key(key), over.to_json()) is not None:
            self.clear(key)

    def clear(self, key: str) -> None:
        """Clear away what is over; the record goes last, since it says so."""
        for found in list(self._objects.list(key)):
            if found.key != record_key(key):
                self._objects.delete(found.key)
        self._objects.delete(record_key(key))


def record_key(key: str) -> str:
    return f"{key}/{_RECORD}"


def check_conditions(objects: Objects) -> None:
    """Raises ConfigurationError for a bucket that is missing, not ours, or ignores conditions."""
    key = f"{CHECKS}/{secrets.token_hex(8)}"
    with refusals():
        first = objects.create(key, b"1") or _version_of(objects, key, b"1")
    again = objects.create(key, b"2")
    second = first and (objects.replace(key, b"3", first) or _version_of(objects, key, b"3"))
    stale = first and objects.replace(key, b"4", first)
    objects.delete(key)
    if first is None or again is not None or second is None or stale is not None:
        raise ConfigurationError(
            "this bucket does not honour conditional writes (If-None-Match, If-Match)",
            param="artifacts_url",
            suggestion="S3, MinIO, R2, Ceph, Google Cloud Storage and Azure do, in versions of 2025",
        )


def _version_of(objects: Objects, key: str, content: bytes) -> Version | None:
    """Of what we wrote, whatever became of the answer."""
    found = objects.read(key)
    return found[1] if found is not None and found[0] == content else None
