"""The limited process, seen from outside: what it may cost, and what it said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from muscgen import telemetry
from muscgen.audio import Audio
from muscgen.errors import UnreadableAudio

CHILD = Path(__file__).with_name("child.py")
MAX_HEAD_BYTES = 4_096
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # for finding libsndfile; no secrets
# What libsndfile may make of a file, how HTTP calls it, and how it is named. Its other formats are telephony,
# trackers and laboratories: more ways in than anybody needs.
_FORMATS = {
    "WAV": ("audio/wav", "wav"),
    "WAVEX": ("audio/wav", "wav"),
    "RF64": ("audio/wav", "wav"),
    "W64": ("audio/x-w64", "w64"),
    "AIFF": ("audio/aiff", "aiff"),
    "AU": ("audio/basic", "au"),
    "CAF": ("audio/x-caf", "caf"),
    "FLAC": ("audio/flac", "flac"),
    "OGG": ("audio/ogg", "ogg"),
    "MP3": ("audio/mpeg", "mp3"),
}
TOO_MUCH = "it takes too much time or memory to decode"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one file: seconds of sound, of computing and of waiting, and bytes of address space.

    Ten minutes of MP3 take about 2 s of computing; Python, numpy and libsndfile 0.3 GB of addresses.
    """

    max_s: float = 600.0
    cpu_s: int = 30
    wall_s: float = 60.0
    memory_bytes: int = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Probe:
    """What a sound file is. Every sample of it was decoded."""

    content_type: str
    extension: str
    sample_rate: int
    channels: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Head:
    """The child's first line."""

    format: str
    subtype: str
    sample_rate: int
    channels: int
    frames: int
    kept: int


def probe(file: BinaryIO, limits: Limits = Limits()) -> Probe:
    """What the file is, from its beginning. It must have a descriptor.

    Raises UnreadableAudio in one sentence for what cannot be decoded within the limits, however that ends.
    """
    with _decoding(file, limits, start_s=0.0, end_s=None, samples=False) as (head, _):
        content_type, extension = _FORMATS[head.format]
        if head.subtype == "OPUS":
            extension = "opus"
        return Probe(content_type, extension, head.sample_rate, head.channels, head.frames / head.sample_rate)


def decode(
    file: BinaryIO,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    limits: Limits = Limits(),
) -> Audio:
    """The sound from start_s to end_s, or to its own end, as it is. Raises UnreadableAudio."""
    with _decoding(file, limits, start_s=start_s, end_s=end_s, samples=True) as (head, answer):
        if not 0 < head.kept <= limits.max_s * head.sample_rate:
            raise UnreadableAudio(f"there is no sound after {start_s:g} s", param="file")
        size = 4 * head.kept * head.channels
        content = answer.read(size)
        if len(content) != size:
            raise UnreadableAudio("decoding it broke off", param="file")
        samples = np.frombuffer(content, np.float32).reshape(-1, head.channels)
        return Audio(np.ascontiguousarray(samples.T), head.sample_rate)


@contextmanager
def _decoding(file: BinaryIO, limits: Limits, **order: object) -> Iterator[tuple[_Head, IO[bytes]]]:
    """The child's head and the stream of what follows it; the child is gone at the end."""
    costs = {name: value for name, value in asdict(limits).items() if name != "wall_s"}
    with _from_its_beginning(file) as descriptor:
        process = subprocess.Popen(
            [sys.executable, "-I", str(CHILD), json.dumps(costs | order)],
            stdin=descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
        assert process.stdout is not None  # noqa: S101  asked for above
        timer = threading.Timer(limits.wall_s, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield _heard(process.stdout.readline(MAX_HEAD_BYTES), process), process.stdout
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def _from_its_beginning(file: BinaryIO) -> Iterator[int]:
    """The file's descriptor, whose place the child shares and moves; put back at the end."""
    file.flush()  # the child reads what lies on the disk
    descriptor = file.fileno()
    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        yield descriptor
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)


def _heard(line: bytes, process: subprocess.Popen[bytes]) -> _Head:
    """The child's first line. Raises UnreadableAudio for a refusal, and for a child that says nothing."""
    if not line.endswith(b"\n"):
        process.kill()  # it may have gone wrong and still write
        code = process.wait()
        telemetry.warning("intake.died", code=code)
        too_much = code == -signal.SIGKILL
        raise UnreadableAudio(TOO_MUCH if too_much else "the decoder cannot survive it", param="file")
    head = _parsed(line)
    if head.format not in _FORMATS:
        raise UnreadableAudio(
            f"files of kind {head.format} are not taken",
            param="file",
            suggestion="wav, flac, mp3, ogg, opus, aiff, au or caf",
        )
    return head


def _parsed(line: bytes) -> _Head:
    """Nothing the child says is believed without a look: a file may have taken it over."""
    try:
        words = json.loads(line)
        if "refused" in words:
            raise UnreadableAudio(str(words["refused"])[:200], param="file")
        return _Head(
            str(words["format"]),
            str(words["subtype"]),
            max(1, int(words["sample_rate"])),
            max(1, int(words["channels"])),
            max(1, int(words["frames"])),
            int(words["kept"]),
        )
    except (ValueError, KeyError, TypeError):
        raise UnreadableAudio("the decoder cannot survive it", param="file") from None


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
