"""The digest of a file's sound: the same whatever its tags and credentials say.

It is the SHA-256 of everything that a decoder needs, in the order of the file, and of nothing else:

    wav          the bodies of the chunks `fmt ` and `data`
    flac         the block STREAMINFO (its 34 bytes), then the frames
    mp3          everything between an ID3v2 tag and an ID3v1 tag
    ogg, opus    the packets, without the second one, which holds the comments
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO

_BLOCK = 1 << 20
_PAGE = struct.Struct("<4s22xB")  # RFC 3533: magic, what is of no use here, segments
_ID3V1_BYTES = 128
_STREAMINFO, _LAST = 0, 0x80
_COMMENTS = 1  # the packet's number
_MPEG_SYNC = 0xFFE0


def sound_digest(file: BinaryIO) -> str | None:
    """Hexadecimal; None for files of other kinds, and those that end where they should go on."""
    found = hashlib.sha256()
    try:
        for part in _parts(file):
            found.update(part)
    except (struct.error, EOFError):
        return None
    return found.hexdigest() if found.digest() != hashlib.sha256().digest() else None


def _parts(file: BinaryIO) -> Iterator[bytes]:
    start = _after_id3v2(file)
    file.seek(start)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        yield from _wav(file, start + 12)
    elif head[:4] == b"fLaC":
        yield from _flac(file, start + 4)
    elif head[:4] == b"OggS":
        yield from _ogg(file, start)
    elif len(head) > 1 and int.from_bytes(head[:2]) & _MPEG_SYNC == _MPEG_SYNC:
        yield from _mp3(file, start)


def _after_id3v2(file: BinaryIO) -> int:
    """Where the sound begins behind as many tags as there are; C2PA puts one before FLAC too."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            return at
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        at += 10 + size + (10 if head[5] & 0x10 else 0)  # a footer


def _wav(file: BinaryIO, at: int) -> Iterator[bytes]:
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack("<4sI", head)
        if name in (b"fmt ", b"data"):
            yield from _stretch(file, at + 8, size)
        at += 8 + size + size % 2


def _flac(file: BinaryIO, at: int) -> Iterator[bytes]:
    kind = 0
    while not kind & _LAST:
        file.seek(at)
        kind, size = struct.unpack(">B3s", file.read(4))
        length = int.from_bytes(size)
        if kind & ~_LAST == _STREAMINFO:
            yield from _stretch(file, at + 4, length)
        at += 4 + length
    yield from _stretch(file, at, None)


def _mp3(file: BinaryIO, at: int) -> Iterator[bytes]:
    end = file.seek(0, 2)
    file.seek(max(at, end - _ID3V1_BYTES))
    if end - at >= _ID3V1_BYTES and file.read(3) == b"TAG":
        end -= _ID3V1_BYTES
    yield from _stretch(file, at, end - at)


def _ogg(file: BinaryIO, at: int) -> Iterator[bytes]:
    """Packets end with a segment of less than 255 bytes, pages anywhere."""
    number = 0
    file.seek(at)
    while head := file.read(_PAGE.size):
        magic, segments = _PAGE.unpack(head)
        if magic != b"OggS":
            raise EOFError
        lacing = file.read(segments)
        body = file.read(sum(lacing))
        if len(lacing) < segments or len(body) < sum(lacing):
            raise EOFError
        place = 0
        for size in lacing:
            if number != _COMMENTS:
                yield body[place : place + size]
            place += size
            number += size < 255


def _stretch(file: BinaryIO, at: int, size: int | None) -> Iterator[bytes]:
    """From a place on; `size` None is to the end."""
    file.seek(at)
    left = size
    while left is None or left > 0:
        block = file.read(_BLOCK if left is None else min(_BLOCK, left))
        if not block:
            if left:
                raise EOFError
            return
        yield block
        left = None if left is None else left - len(block)
