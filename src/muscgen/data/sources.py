"""Where a track's sound lies: in a file of its own, or in a record of a larger one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from muscgen.audio import Audio
from muscgen.data.readers import tfrecord
from muscgen.errors import UnreadableAudio

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """file: absolute. span: first byte and bytes of a TFRecord's content, of a pack first frame and
    frames; None is the whole file."""

    file: str
    name: str  # relative to the data set, for words
    span: tuple[int, int] | None = None

    def stamp(self) -> list[int] | None:
        """Size and time of the file, by which a change is noticed; None where there is none."""
        try:
            status = Path(self.file).stat()
        except OSError:
            return None
        return [status.st_size, status.st_mtime_ns]

    @property
    def size(self) -> int:
        """In bytes; 0 where there is none."""
        stamp = self.stamp()
        return self.span[1] if self.span is not None else stamp[0] if stamp else 0

    def digests(self, *, with_sha1: bool) -> tuple[str, str]:
        """SHA-256 and, where it is wanted, SHA-1 of the content, in hex."""
        sha256 = hashlib.sha256()
        sha1 = hashlib.sha1(usedforsecurity=False) if with_sha1 else None
        left = -1 if self.span is None else self.span[1]
        with Path(self.file).open("rb") as file:
            file.seek(0 if self.span is None else self.span[0])
            while left and (block := file.read(_BLOCK_BYTES if left < 0 else min(_BLOCK_BYTES, left))):
                sha256.update(block)
                left -= len(block) if left > 0 else 0
                if sha1 is not None:
                    sha1.update(block)
        return sha256.hexdigest(), sha1.hexdigest() if sha1 is not None else ""


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO | Audio]:
    """The file to be decoded, or the samples that a record holds. Raises UnreadableAudio."""
    if source.span is not None:
        yield _of_record(source)
        return
    try:
        file = Path(source.file).open("rb")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise UnreadableAudio(f"it cannot be read: {error.strerror}", param="path") from error
    with file:
        yield file


def _of_record(source: Source) -> Audio:
    """NSynth's: `audio` as floats, `sample_rate` as an integer."""
    assert source.span is not None  # noqa: S101  its caller looked
    try:
        features = tfrecord.example(tfrecord.read_record(Path(source.file), *source.span))
    except tfrecord.Damaged as damage:
        raise UnreadableAudio(str(damage), param="path") from damage
    samples, rate = features.get("audio"), features.get("sample_rate")
    if not isinstance(samples, np.ndarray) or not len(samples):
        raise UnreadableAudio("the record holds no sound", param="path")
    if (
        not isinstance(rate, list)
        or len(rate) != 1
        or not isinstance(rate[0], int)
        or not 4_000 <= rate[0] <= 192_000
    ):
        raise UnreadableAudio("the record says no sample rate", param="path")
    if not np.isfinite(samples).all():
        raise UnreadableAudio("it holds samples that are not finite", param="path")
    return Audio(np.ascontiguousarray(samples[None], np.float32), rate[0])
