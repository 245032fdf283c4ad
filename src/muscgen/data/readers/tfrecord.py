"""TFRecord files and the tf.train.Example in them, read without TensorFlow.

file     records, each: length u64 | masked CRC-32C of it u32 | content | masked CRC-32C of that u32
content  Example {1: Features {1: map entries {1: name, 2: Feature}}}
Feature  one of {1: BytesList, 2: FloatList, 3: Int64List}, each {1: values, packed or not}

Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/example/feature.proto, protobuf's encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Values = list[bytes] | list[int] | NDArray[np.float32]
MAX_RECORD_BYTES = 64 << 20  # a note of NSynth takes 256 kB
_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
_U32, _U64 = 0xFFFFFFFF, 1 << 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Damaged(ValueError):  # noqa: N818  (as the house names errors)
    """What is wrong with a file or a record, in words."""


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record's content lies, and the content; `damage` says what is wrong with it."""

    start: int
    content: bytes
    damage: str = ""


def records(path: Path) -> Iterator[Record]:
    """All records in order. A damaged content is given with its damage, and the next one follows.

    Raises Damaged where the file cannot be followed any further.
    """
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            yield _record(file, head)


def read_record(path: Path, start: int, size: int) -> bytes:
    """The content of one record that `records` found. Raises Damaged."""
    with path.open("rb") as file:
        file.seek(start)
        content, tail = file.read(size), file.read(_TAIL.size)
    if len(content) != size or len(tail) != _TAIL.size or _TAIL.unpack(tail)[0] != masked_crc(content):
        raise Damaged(f"the record at byte {start} is damaged")
    return content


def _record(file: BinaryIO, head: bytes) -> Record:
    place = file.tell() - len(head)
    if len(head) < _HEAD.size:
        raise Damaged(f"the file is cut short at byte {place}")
    size, crc = _HEAD.unpack(head)
    if masked_crc(head[:8]) != crc:
        raise Damaged(f"the length of the record at byte {place} is damaged; what follows cannot be found")
    if size > MAX_RECORD_BYTES:
        raise Damaged(f"the record at byte {place} has {size} bytes; up to {MAX_RECORD_BYTES} are read")
    start, content, tail = file.tell(), file.read(size), file.read(_TAIL.size)
    if len(content) < size or len(tail) < _TAIL.size:
        raise Damaged(f"the file is cut short within the record at byte {place}")
    whole = _TAIL.unpack(tail)[0] == masked_crc(content)
    return Record(start, content, "" if whole else "its checksum does not fit")


def masked_crc(content: bytes) -> int:
    """CRC-32C, rotated and shifted, as TFRecord stores it."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return int((((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _U32)


def example(content: bytes, leave_out: frozenset[str] = frozenset()) -> dict[str, Values]:
    """The features of a serialised Example by name, without those that are left out. Raises Damaged."""
    found: dict[str, Values] = {}
    for number, kind, features in _fields(memoryview(content)):
        if (number, kind) != (1, _BYTES):
            continue
        for entry_number, entry_kind, entry in _fields(features):
            if (entry_number, entry_kind) == (1, _BYTES):
                name, feature = _entry(entry)
                if name not in leave_out:
                    found[name] = _values(feature)
    return found


def _entry(entry: memoryview) -> tuple[str, memoryview]:
    parts = {number: value for number, kind, value in _fields(entry) if kind == _BYTES}
    try:
        return bytes(parts[1]).decode("utf-8"), parts.get(2, memoryview(b""))
    except (KeyError, UnicodeDecodeError):
        raise Damaged("a feature has no name") from None


def _values(feature: memoryview) -> Values:
    for number, kind, values in _fields(feature):
        if kind != _BYTES:
            continue
        match number:
            case 1:
                return [bytes(value) for n, k, value in _fields(values) if (n, k) == (1, _BYTES)]
            case 2:
                return _floats(values)
            case 3:
                return _integers(values)
    return []


def _floats(values: memoryview) -> NDArray[np.float32]:
    pieces = [bytes(piece) for n, kind, piece in _fields(values) if n == 1 and kind in (_BYTES, _FIXED32)]
    if any(len(piece) % 4 for piece in pieces):
        raise Damaged("a list of floats has a part of one")
    return np.frombuffer(b"".join(pieces), "<f4")


def _integers(values: memoryview) -> list[int]:
    found: list[int] = []
    for number, kind, value in _fields(values):
        if number == 1 and kind == _BYTES:
            at = 0
            while at < len(value):
                integer, at = _varint(value, at)
                found.append(_signed(integer))
        elif number == 1 and kind == _VARINT:
            found.append(_signed(int.from_bytes(value, "little")))
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Number, wire type and content of each field; a varint's content is its value, little-endian."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, kind, memoryview(value.to_bytes(8, "little"))
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise Damaged(f"wire type {kind} is not known")
        if size > len(message) - at:
            raise Damaged("a field is longer than what holds it")
        yield number, kind, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % _U64, at
    raise Damaged("a number does not end")


def _signed(integer: int) -> int:
    return integer - _U64 if integer >> 63 else integer
