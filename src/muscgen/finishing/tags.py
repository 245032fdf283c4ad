"""Plain tags: what made the file, and that no human did.

IPTC's `trainedAlgorithmicMedia` is the digital source type for media made by a trained model. Written by
hand, since libsndfile knows neither ID3's TXXX frames nor Vorbis comments of one's own. The prompt never goes
into a file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

import muscgen
from muscgen.finishing import ogg
from muscgen.request import Format

ALLOWED = ("title", "model", "revision", "license", "attribution", "seed", "source_type", "producer")
_SOURCE_TYPE = "trainedAlgorithmicMedia"
_NOT_AS_SUCH = {"source_type", "producer"}  # they have names of their own in files
_VORBIS_COMMENT = 4  # FLAC's number of the block
_LAST = 0x80

Fields = Sequence[tuple[str, str]]


def tag(content: bytes, encoding: Format, tags: Mapping[str, str] | None, number: str = "") -> bytes:
    """The file with tags in front of, within or behind its unchanged sound.

    tags: any of ALLOWED; None writes none at all. number: the sound's digest, for the field AIGC, which is
    written where there is a `producer`. Raises ValueError for other names: no prompt slips into a file.
    """
    if tags is None:
        return ogg.with_comments(content, []) if encoding in ("ogg", "opus") else content
    if unknown := set(tags) - set(ALLOWED):
        raise ValueError(f"tags are {', '.join(ALLOWED)}, not {', '.join(sorted(unknown))}")
    fields = _fields(tags, number)
    match encoding:
        case "wav":
            return _wav(content, fields)
        case "flac":
            return _flac(content, fields)
        case "mp3":
            return _id3(fields) + content
        case "ogg" | "opus":
            return ogg.with_comments(content, fields)


def _fields(tags: Mapping[str, str], number: str) -> Fields:
    given = [(name.upper(), tags[name]) for name in ALLOWED if tags.get(name) and name not in _NOT_AS_SUCH]
    aigc = [("AIGC", _aigc(tags["producer"], number))] if tags.get("producer") else []
    return [
        *given,
        ("ENCODER", f"muscgen {muscgen.__version__}"),
        ("AI_GENERATED", "true"),
        ("DigitalSourceType", tags.get("source_type") or _SOURCE_TYPE),
        *aigc,
    ]


def _aigc(producer: str, number: str) -> str:
    """GB 45438-2025, annex E: label 1 says that it is generated."""
    left_open = dict.fromkeys(("ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"), "")
    said = {"Label": "1", "ContentProducer": producer, "ProduceID": number} | left_open
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _wav(content: bytes, fields: Fields) -> bytes:
    """LIST/INFO behind the data (Microsoft's RIFF): its names have four letters, so the rest is a comment."""
    named = {
        "TITLE": b"INAM",
        "LICENSE": b"ICOP",
        "ATTRIBUTION": b"IART",
        "ENCODER": b"ISFT",
        "AIGC": b"AIGC",
    }
    entries = [(named[name], text) for name, text in fields if name in named]
    entries.append((b"ICMT", "; ".join(f"{name}={text}" for name, text in fields if name not in named)))
    info = b"INFO" + b"".join(_chunk(name, text.encode() + b"\0") for name, text in entries)
    body = content[8:] + b"\0" * (len(content) % 2) + _chunk(b"LIST", info)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _flac(content: bytes, fields: Fields) -> bytes:
    """A comment block behind STREAMINFO (RFC 9639), instead of the encoder's own."""
    blocks, at, kind = [], 4, 0
    vendor = b""
    while not kind & _LAST:
        kind, size = content[at], int.from_bytes(content[at + 1 : at + 4], "big")
        body = content[at + 4 : at + 4 + size]
        at += 4 + size
        if kind & ~_LAST == _VORBIS_COMMENT:
            vendor = ogg.vendor_of(body)
        else:
            blocks.append((kind & ~_LAST, body))
    blocks.insert(1, (_VORBIS_COMMENT, ogg.vorbis_comment(vendor, fields)))
    return b"fLaC" + b"".join(_block(*block, last=block is blocks[-1]) for block in blocks) + content[at:]


def _block(kind: int, body: bytes, *, last: bool) -> bytes:
    return bytes([kind | (_LAST if last else 0)]) + len(body).to_bytes(3, "big") + body


def _id3(fields: Fields) -> bytes:
    """An ID3v2.4 tag; its texts are UTF-8."""
    named = {"TITLE": b"TIT2", "ATTRIBUTION": b"TCOM", "ENCODER": b"TSSE"}
    frames = b"".join(
        _frame(named[name], text.encode())
        if name in named
        else _frame(b"TXXX", name.encode() + b"\0" + text.encode())
        for name, text in fields
    )
    return b"ID3\x04\0\0" + _syncsafe(len(frames)) + frames


def _frame(name: bytes, text: bytes) -> bytes:
    body = b"\x03" + text
    return name + _syncsafe(len(body)) + b"\0\0" + body


def _syncsafe(size: int) -> bytes:
    """Seven bits a byte, so that no tag looks like sound."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
