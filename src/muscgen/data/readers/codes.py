"""Any folder of packs (packs.py): songs as codes, with what their owner says of each. There is no sound.

A LICENSE holds for the packs of its folder and of those below, where a song says nothing itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from muscgen.data import consent
from muscgen.data.readers import packs
from muscgen.data.readers.packs import ENDING, NotAPack
from muscgen.data.readers.said import Licences, Said, music, named, split_of, word
from muscgen.data.readers.tables import relative
from muscgen.data.track import Flaw, Track, Traits, group_of, track_id
from muscgen.errors import InvalidRequest

TRAITS = Traits(scores=True)
_MAX_LINE_BYTES = 1_000_000


def read(root: Path) -> Iterator[Track | Flaw]:
    """Pack by pack in the order of their names, song by song. Raises InvalidRequest where there is none."""
    licences = Licences(root)
    names = sorted(_names(root))
    if not any((root / f"{name}{ENDING}").is_file() for name in names):
        raise InvalidRequest(
            f"{root} holds no pack of codes",
            param="path",
            suggestion=f"NAME{ENDING} with NAME.jsonl beside it; see docs/data.md",
        )
    for name in names:
        yield from _songs(root, name, licences)


def _names(root: Path) -> Iterator[str]:
    """Of packs, and of files of fields without one, relative to the root."""
    found: set[str] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for file in files:
            ending = next((end for end in (ENDING, ".jsonl") if file.endswith(end)), None)
            if ending and not file.startswith(".") and file not in consent.NAMES:
                found.add(relative(Path(folder) / file.removesuffix(ending), root))
    yield from found


def _songs(root: Path, name: str, licences: Licences) -> Iterator[Track | Flaw]:
    file, fields = root / f"{name}{ENDING}", root / f"{name}.jsonl"
    try:
        spans = packs.opened(file).spans
        lines = fields.open("rb")
    except (NotAPack, OSError) as error:
        missing = isinstance(error, FileNotFoundError) and Path(error.filename).name
        reason = f"there is no {missing}" if missing else str(error)
        yield Flaw(f"{name}.jsonl" if missing == file.name else f"{name}{ENDING}", reason)
        return
    with lines:
        for number, (span, line) in enumerate(zip_longest(spans, lines), 1):
            yield _song(root, name, number, span, line, licences)


def _song(
    root: Path, name: str, number: int, span: tuple[int, int] | None, line: bytes | None, licences: Licences
) -> Track | Flaw:
    place = f"{name}.jsonl line {number}"
    if span is None:
        return Flaw(place, f"{name}{ENDING} has {number - 1} songs")
    if line is None:
        return Flaw(f"{name}{ENDING} song {number}", f"{name}.jsonl has no line of it")
    try:
        found = _fields(line)
    except ValueError as error:
        return Flaw(place, str(error))
    said, file = named(found), f"{name}{ENDING}"
    artist = word(said, "artist")
    return Track(
        id=track_id("codes", f"{name.replace('.', '-')} {number}"),
        path=file,
        span=span,
        group=group_of(artist) or name,
        split=split_of(said),
        title=word(said, "title") or f"{Path(name).name} {number}",
        artist=artist,
        url=word(said, "url"),
        claims=Said(found, place).claims() or licences.of((root / file).parent),
        music=music(said),
    )


def _fields(line: bytes) -> dict[str, object]:
    """Raises ValueError for a line that is no object of JSON."""
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError(f"it has more than {_MAX_LINE_BYTES} bytes")
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("it is no object of fields")
    return found
