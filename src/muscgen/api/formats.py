"""Which format of sound a client takes: the Accept header (RFC 9110, section 12.5.1) and `?format=`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muscgen.errors import NotAcceptable
from muscgen.request import Format

CONTENT_TYPES: Mapping[Format, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
}
KINDS = tuple(dict.fromkeys(CONTENT_TYPES.values()))
_NAMES: Mapping[str, Sequence[Format]] = {
    "audio/wav": ["wav"],
    "audio/x-wav": ["wav"],
    "audio/wave": ["wav"],
    "audio/vnd.wave": ["wav"],
    "audio/flac": ["flac"],
    "audio/x-flac": ["flac"],
    "audio/mpeg": ["mp3"],
    "audio/mp3": ["mp3"],
    "audio/ogg": ["ogg", "opus"],
    "audio/ogg;vorbis": ["ogg"],
    "audio/ogg;opus": ["opus"],
    "audio/opus": ["opus"],
    "audio/*": list(CONTENT_TYPES),
    "*/*": list(CONTENT_TYPES),
}
_WILD = ("*/*", "audio/*")  # the less specific first
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry of an Accept header, `audio/ogg;opus` for `audio/ogg; codecs="opus"`; quality 0 refuses."""

    name: str
    quality: float


def taken(header: str) -> list[Taken]:
    """The header's entries, in its order."""
    return [_entry(part) for part in header.lower().split(",") if part.strip()]


def quality(entries: Sequence[Taken], encoding: Format) -> float:
    """How gladly the format is taken, 0 to 1: the most specific entry that names it decides."""
    naming = [entry for entry in entries if encoding in _NAMES.get(entry.name, ())]
    return max(naming, key=lambda entry: _specific(entry.name)).quality if naming else 0.0


def choose(header: str, own: Format) -> Format:
    """The format that suits the client best; `own`, the job's, where several do. Raises NotAcceptable."""
    entries = taken(header) or [Taken("*/*", 1.0)]
    named = [encoding for entry in entries for encoding in _NAMES.get(entry.name, ())]
    best = max((own, *named), key=lambda encoding: quality(entries, encoding))
    if quality(entries, best) == 0:
        raise unknown_format("Accept")
    return best


def named(encoding: str) -> Format:
    """The format of that name. Raises NotAcceptable."""
    for known in CONTENT_TYPES:
        if known == encoding:
            return known
    raise unknown_format("format")


def unknown_format(param: str) -> NotAcceptable:
    return NotAcceptable(
        "the music does not come in that format",
        param=param,
        suggestion=", ".join(KINDS if param == "Accept" else CONTENT_TYPES),
    )


def _entry(part: str) -> Taken:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    values = {key.strip(): value.strip(' "') for key, _, value in (one.partition("=") for one in parameters)}
    weight = values.get("q", "1")
    full = f"{name};{values['codecs']}" if "codecs" in values else name
    # Of codecs that nobody knows, none is taken.
    return Taken(full, float(weight) if _QUALITY.fullmatch(weight) else 0.0)


def _specific(name: str) -> int:
    return _WILD.index(name) if name in _WILD else 2 + name.count(";")
