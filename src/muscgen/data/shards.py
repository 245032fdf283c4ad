"""WebDataset shards: tar files whose entries <id>.flac, <id>.json and <id>.codes.npy make a sample.

What is given as codes has no <id>.flac.

What a shard holds follows from the tracks alone, and its bytes from what it holds: no time, no owner. So a
shard that is there, and was made of the same, is left as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from muscgen.data import place as files
from muscgen.data.place import Place
from muscgen.data.track import Split

MOST_TRACKS = 1_000
MOST_BYTES = 500_000_000
_MODE = 0o644


class Part(Protocol):
    """A file, or what is as good as one."""

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Held:
    """Content that lies in no file of its own."""

    content: bytes

    def read_bytes(self) -> bytes:
        return self.content


@dataclass(frozen=True, slots=True)
class Sample:
    """One track of a shard. key: of everything in it."""

    id: str
    key: str
    size: int
    text: Part
    clip: Part | None = None
    codes: Part | None = None

    def parts(self) -> Iterator[tuple[str, Part]]:
        if self.clip is not None:
            yield f"{self.id}.flac", self.clip
        yield f"{self.id}.json", self.text
        if self.codes is not None:
            yield f"{self.id}.codes.npy", self.codes


class ShardWriter:
    """Takes the samples of one split in order; `close` tells what came of them."""

    def __init__(self, place: Place, split: Split) -> None:
        self._place, self._split = place, split
        self._samples: list[Sample] = []
        self._bytes = 0
        self._written: list[dict[str, Any]] = []

    def add(self, sample: Sample) -> None:
        if self._samples and (len(self._samples) == MOST_TRACKS or self._bytes + sample.size > MOST_BYTES):
            self._flush()
        self._samples.append(sample)
        self._bytes += sample.size

    def close(self) -> list[dict[str, Any]]:
        """name, split, tracks, bytes and sha256 of each shard, in order."""
        if self._samples:
            self._flush()
        return self._written

    def _flush(self) -> None:
        path = self._place.shards / f"{self._split}-{len(self._written):06d}.tar"
        key = hashlib.sha256("\n".join(sample.key for sample in self._samples).encode()).hexdigest()
        facts = _known(path, key)
        if facts is None:
            if path.exists():  # no manifest may speak of a shard that is another
                self._place.manifest.unlink(missing_ok=True)
                _side(path).unlink(missing_ok=True)
            with files.written(path) as file:
                _write(file, self._samples)
            facts = {"sha256": files.sha256_of(path), "bytes": path.stat().st_size}
            files.write(_side(path), files.to_line({"key": key, **facts}))
        self._written.append({"name": path.name, "split": self._split, "tracks": len(self._samples), **facts})
        self._samples, self._bytes = [], 0


def prune(place: Place, shards: list[dict[str, Any]]) -> None:
    """Remove what is no longer among the shards."""
    names = {shard["name"] for shard in shards}
    for path in place.shards.glob("*.tar"):
        if path.name not in names:
            path.unlink()
            _side(path).unlink(missing_ok=True)


def _known(path: Path, key: str) -> dict[str, Any] | None:
    """What is on record of a shard that was made of the same and is as large as it was."""
    try:
        side = json.loads(_side(path).read_text("utf-8"))
        if side["key"] == key and path.stat().st_size == side["bytes"]:
            return {"sha256": side["sha256"], "bytes": side["bytes"]}
    except (OSError, ValueError, KeyError):
        return None
    return None


def _side(path: Path) -> Path:
    return path.with_suffix(".made.json")


def _write(file: BinaryIO, samples: list[Sample]) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            for name, part in sample.parts():
                content = part.read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), _MODE
                tar.addfile(entry, io.BytesIO(content))
