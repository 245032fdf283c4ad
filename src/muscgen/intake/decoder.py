"""Sound out of the limited process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.errors import UnreadableAudio
from muscgen.intake.confined import Confined, Limits, confined

MAX_HEAD_BYTES = 4_096
BLOCK_FRAMES = 1 << 17
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
        return _probed(head)


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
def listening(
    file: BinaryIO, *, rate_hz: int, piece_s: float, overlap_s: float = 0.0, limits: Limits = Limits()
) -> Iterator[tuple[Probe, Iterator[Audio]]]:
    """What the file is, and all of its sound at that rate, never whole in memory.

    The sound comes in pieces that begin before the last one ended, of one or two channels; more are mixed to
    one. Raises UnreadableAudio, while it is listened to, too.
    """
    with _decoding(file, limits, start_s=0.0, end_s=None, samples=True) as (head, answer):
        size, step = round(piece_s * rate_hz), round((piece_s - overlap_s) * rate_hz)
        yield _probed(head), _pieces(head, answer, rate_hz, size, step)


def _pieces(head: _Head, answer: IO[bytes], rate_hz: int, size: int, step: int) -> Iterator[Audio]:
    """Pieces of `size` samples, each `step` after the one before; the last may be shorter."""
    channels = head.channels if head.channels <= 2 else 1
    resampling = soxr.ResampleStream(head.sample_rate, rate_hz, channels, "float32")
    held = np.zeros((0, channels), np.float32)
    for block, last in _blocks(head, answer):
        mixed = block if channels == head.channels else block.mean(axis=1, keepdims=True)
        held = np.concatenate([held, resampling.resample_chunk(mixed, last).reshape(-1, channels)])
        while len(held) > size:
            yield Audio(np.ascontiguousarray(held[:size].T), rate_hz)
            held = held[step:]
    yield Audio(np.ascontiguousarray(held.T), rate_hz)


def _probed(head: _Head) -> Probe:
    content_type, extension = _FORMATS[head.format]
    if head.subtype == "OPUS":
        extension = "opus"
    return Probe(content_type, extension, head.sample_rate, head.channels, head.frames / head.sample_rate)


def _blocks(head: _Head, answer: IO[bytes]) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """float32 [frames, channels], and whether it was the last."""
    left, width = head.kept, 4 * head.channels
    while left > 0:
        frames = min(left, BLOCK_FRAMES)
        content = answer.read(frames * width)
        if len(content) != frames * width:
            raise UnreadableAudio("decoding it broke off", param="file")
        left -= frames
        yield np.frombuffer(content, np.float32).reshape(-1, head.channels), left == 0


@contextmanager
def _decoding(file: BinaryIO, limits: Limits, **order: object) -> Iterator[tuple[_Head, IO[bytes]]]:
    """The child's head and the stream of what follows it; the child is gone at the end."""
    with confined(file, limits, order | {"task": "decode", "max_s": limits.max_s}) as child:
        yield _heard(child), child.answer


def _heard(child: Confined) -> _Head:
    """The child's first line. Raises UnreadableAudio for a refusal, and for a child that says nothing."""
    if not (line := child.line(MAX_HEAD_BYTES)):
        raise UnreadableAudio(TOO_MUCH if child.killed else "the decoder cannot survive it", param="file")
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
