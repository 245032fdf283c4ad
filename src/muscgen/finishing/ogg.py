"""Ogg pages (RFC 3533), as far as tags and equal bytes need them.

libsndfile draws a random serial number for every stream and knows no tags of our own. So the header packets
are written anew with our comments, and every page gets a serial number that follows from the content.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_HEAD = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, serial, sequence, checksum, segments
_CONTINUED, _FIRST = 1, 2
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int  # -1: no packet ends here
    lacing: bytes
    body: bytes

    def to_bytes(self, serial: int, sequence: int) -> bytes:
        fields = (b"OggS", 0, self.flags, self.granule, serial, sequence)
        rest = self.lacing + self.body
        checksum = _crc(_HEAD.pack(*fields, 0, len(self.lacing)) + rest)
        return _HEAD.pack(*fields, checksum, len(self.lacing)) + rest


def with_comments(content: bytes, comments: Sequence[tuple[str, str]]) -> bytes:
    """The Vorbis or Opus file with these comments instead of its own. Equal songs give equal bytes."""
    pages = list(_pages(content))
    heads = 2 if pages[0].body.startswith(b"OpusHead") else 3
    packets, used = _packets(pages, heads)
    packets[1] = _comment_packet(packets[1], comments)
    rewritten = [*_laid_out(packets[:1], _FIRST), *_laid_out(packets[1:], 0), *pages[used:]]
    serial = int.from_bytes(hashlib.sha256(b"".join(page.body for page in rewritten)).digest()[:4], "little")
    return b"".join(page.to_bytes(serial, sequence) for sequence, page in enumerate(rewritten))


def audio_bytes(content: bytes) -> int:
    """Bytes of the pages that carry sound, without the headers, which weigh much in a short clip."""
    return sum(
        _HEAD.size + len(page.lacing) + len(page.body) for page in _pages(content) if page.granule != 0
    )


def vorbis_comment(vendor: bytes, comments: Sequence[tuple[str, str]]) -> bytes:
    """The comment block that Vorbis, Opus and FLAC share (Xiph's vorbis-comment specification)."""
    fields = [f"{name}={value}".encode() for name, value in comments]
    sized = b"".join(struct.pack("<I", len(field)) + field for field in fields)
    return struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(fields)) + sized


def vendor_of(block: bytes) -> bytes:
    (length,) = struct.unpack_from("<I", block)
    return block[4 : 4 + length]


def _pages(content: bytes) -> Iterator[_Page]:
    at = 0
    while at < len(content):
        magic, _, flags, granule, _, _, _, segments = _HEAD.unpack_from(content, at)
        if magic != b"OggS":
            raise ValueError(f"no Ogg page at byte {at}")
        start = at + _HEAD.size + segments
        lacing = content[at + _HEAD.size : start]
        at = start + sum(lacing)
        yield _Page(flags, granule, lacing, content[start:at])


def _packets(pages: Sequence[_Page], count: int) -> tuple[list[bytes], int]:
    """The first packets, and how many pages they fill; sound begins on a page of its own."""
    packets = [b""]
    for number, page in enumerate(pages, start=1):
        at = 0
        for size in page.lacing:
            packets[-1] += page.body[at : at + size]
            at += size
            if size < 255:
                packets.append(b"")
        if len(packets) > count:
            return packets[:count], number
    raise ValueError(f"the Ogg stream ends before its {count} header packets")


def _laid_out(packets: Sequence[bytes], flags: int) -> Iterator[_Page]:
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    body = b"".join(packets)
    page, at = _Page(flags, 0, b"", b""), 0
    for first in range(0, len(lacing), 255):
        part = lacing[first : first + 255]
        continued = first > 0 and lacing[first - 1] == 255
        ends_packet = any(size < 255 for size in part)
        page = replace(
            page,
            flags=_CONTINUED if continued else flags,
            granule=0 if ends_packet else -1,
            lacing=part,
            body=body[at : at + sum(part)],
        )
        at += sum(part)
        yield page


def _comment_packet(old: bytes, comments: Sequence[tuple[str, str]]) -> bytes:
    magic, framing = (b"OpusTags", b"") if old.startswith(b"OpusTags") else (b"\x03vorbis", b"\x01")
    return magic + vorbis_comment(vendor_of(old[len(magic) :]), comments) + framing


def _crc(page: bytes) -> int:
    """Ogg's checksum is zlib's without inversions and with the bits of every byte the other way round."""
    turned = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(turned.to_bytes(4, "little").translate(_REVERSED), "big")
