"""A prepared data set on disk. Every file appears whole; a name that begins with .tmp- is nobody's.

manifest.json           what a model may be trained on; its SHA-256 names it
ledger.jsonl            the rights of every track, in and out
ATTRIBUTION.md, .csv    whom to name
shards/                 train-000000.tar ...: WebDataset
egs/<split>/data.jsonl  audiocraft's lists
clips/ab/<id>.flac      the sound of a track, and <id>.json, its text as audiocraft reads it
codes/<codec>/ab/*.npy  codes by the SHA-256 of the sound
manifests/              earlier manifests, with the tracks of each
models.jsonl            models that were trained on one of them
revoked.jsonl           consents and tracks that were taken back
work/                   what a run that was interrupted goes on from
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from muscgen.data.track import Split
from muscgen.errors import InvalidRequest

TEMPORARY = ".tmp-"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Names of the files below `folder`."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    @property
    def models(self) -> Path:
        return self.folder / "models.jsonl"

    @property
    def revoked(self) -> Path:
        return self.folder / "revoked.jsonl"

    @property
    def run(self) -> Path:
        return self.folder / "run.json"

    @property
    def draft(self) -> Path:
        return self.folder / "work" / "draft.jsonl"

    @property
    def shards(self) -> Path:
        return self.folder / "shards"

    def list_of(self, split: Split) -> Path:
        return self.folder / "egs" / split / "data.jsonl"

    def record(self, track_id: str) -> Path:
        return self.folder / "work" / _two(track_id) / f"{track_id}.json"

    def clip(self, track_id: str) -> Path:
        return self.folder / "clips" / _two(track_id) / f"{track_id}.flac"

    def text(self, track_id: str) -> Path:
        return self.clip(track_id).with_suffix(".json")

    def codes(self, codec: str, sha256: str) -> Path:
        return self.folder / "codes" / codec[:16] / sha256[:2] / f"{sha256[:32]}.npy"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else prepares here. Raises InvalidRequest where somebody does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise InvalidRequest(f"another run works in {self.folder}", param="out") from None
        finally:
            os.close(descriptor)


def _two(track_id: str) -> str:
    """256 folders, so that none holds a hundred thousand files."""
    return hashlib.sha256(track_id.encode()).hexdigest()[:2]


def write(path: Path, content: bytes) -> None:
    """Put the content there in one step, durably. Raises OSError, and then nothing is left of it."""
    with written(path) as file:
        file.write(content)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # gone already when it was renamed


def append(path: Path, *lines: dict[str, Any]) -> None:
    """More lines of JSON, durably. A line that a crash cut is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        torn = file.tell() and _last_byte(file) != b"\n"
        file.write((b"\n" if torn else b"") + b"".join(map(to_line, lines)))
        file.flush()
        os.fsync(file.fileno())


def lines(path: Path, *, ending: bytes = b"", holding: bytes = b"") -> Iterator[dict[str, Any]]:
    """The lines of JSON of a file that may not be there; torn ones are left out.

    ending, holding: only of lines that do; cheaper than to read what is not wanted.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(ending) or holding not in line:
                continue
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def to_line(fields: dict[str, Any]) -> bytes:
    """Equal fields give equal bytes."""
    return (
        json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        + b"\n"
    )


def sha256_of(path: Path) -> str:
    """Hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for below, _, names in os.walk(folder):
        for name in names:
            if name.startswith(TEMPORARY):
                (Path(below) / name).unlink(missing_ok=True)


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)
