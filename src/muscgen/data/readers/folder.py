"""Any folder of sound files, with what its owner says of them beside.

metadata.csv     one row a file: `path` (or file, file_name), and any of the fields below
<name>.json      the same fields, for one file; audiocraft's names are among them
<name>.txt       a caption
<name>.codes.npz codes that the sound was made of, see data/spoken.py
LICENSE(.txt)    holds for the files of its folder and of those below, where they say nothing themselves

The fields are those of said.py. A row that cannot be read may speak of any file: then no file is in that no
other row names.
"""

from __future__ import annotations

import csv
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from muscgen.data import spoken
from muscgen.data.readers.files import sounds
from muscgen.data.readers.said import Licences, Said, music, named, split_of, word
from muscgen.data.readers.tables import fields, opened, relative, within
from muscgen.data.track import Expected, Flaw, Track, Traits, group_of, track_id
from muscgen.errors import InvalidRequest

TRAITS = Traits()
TABLE = "metadata.csv"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_PATH_COLUMNS = ("path", "file", "file_name")
_MAX_SIDECAR_BYTES = 1_000_000


def read(root: Path) -> Iterator[Track | Flaw]:
    """The table's rows in their order, then the files that it does not name. Raises InvalidRequest."""
    if not root.is_dir():
        raise InvalidRequest(f"there is no folder {root}", param="path")
    licences, table = Licences(root), root / TABLE
    named = _named(table, root)
    for item in _rows(table, root):
        if isinstance(item, Flaw):
            yield item
            continue
        path, said = item
        if not within(path):
            yield Flaw(said.source, f"{path!r} is no file of the folder")
        elif _mark(path) in named.twice:
            yield Flaw(said.source, f"{path} is named by another row, too")
        else:
            yield _track(root, path, said, licences)
    for path in sounds(root):
        if _mark(path) not in named.once:
            yield _track(root, path, named.unlisted(path), licences)


@dataclass(slots=True)
class _Named:
    """What the table names, in digests: a hundred thousand paths in 20 MB."""

    once: set[bytes] = field(default_factory=set)
    twice: set[bytes] = field(default_factory=set)
    alike: set[bytes] = field(default_factory=set)
    flaw: Flaw | None = None

    def unlisted(self, path: str) -> Said:
        """What the table says of a file that it does not name: nothing, if that is sure."""
        if self.flaw is not None:
            return Said({"license": f"unsure, as the table is there: {self.flaw.reason}"}, self.flaw.place)
        if _mark(_alike(path)) in self.alike:
            return Said({"license": "its name is spelt otherwise there"}, TABLE)
        return Said({}, "")


def _named(table: Path, root: Path) -> _Named:
    named = _Named()
    for item in _rows(table, root):
        if isinstance(item, Flaw):
            named.flaw = named.flaw or item
            continue
        mark = _mark(item[0])
        (named.twice if mark in named.once else named.once).add(mark)
        named.alike.add(_mark(_alike(item[0])))
    return named


def _rows(table: Path, root: Path) -> Iterator[tuple[str, Said] | Flaw]:
    """Path and fields of each row; a flaw where nobody knows of which file a row is."""
    if not table.is_file():
        return
    with opened(table, root) as file:
        reader = csv.reader(file, strict=True)  # an unclosed quote is no field that holds the rows after it
        header = [name.strip().lower() for name in next(reader, [])]
        column = next((name for name in _PATH_COLUMNS if name in header), None)
        if column is None:
            raise InvalidRequest(
                f"{TABLE} has no column {', '.join(_PATH_COLUMNS)}",
                param="path",
                suggestion="path,title,license",
            )
        if twice := next((name for name in header if name and header.count(name) > 1), None):
            raise InvalidRequest(f"{TABLE} has the column {twice!r} twice", param="path")
        for item in fields(reader, header, TABLE):
            if isinstance(item, Flaw):
                yield item
                continue
            line, row = item
            place, path = f"{TABLE} line {line}", row[column].strip()
            if not path or _DRIVE.match(path):
                yield Flaw(place, f"{path!r} is no file of the folder")
            else:
                yield _as_here(path, root), Said(row, place)


def _as_here(path: str, root: Path) -> str:
    """As the files of the folder are named; what leads out of it begins with `..`."""
    return os.path.relpath(os.path.normpath(root / path.replace("\\", "/")), root)


def _alike(path: str) -> str:
    """One text for all spellings that one file may have somewhere."""
    return unicodedata.normalize(
        "NFC", "/".join(part.strip() for part in path.replace("\\", "/").split("/")).casefold()
    )


def _mark(path: str) -> bytes:
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _track(root: Path, path: str, row: Said, licences: Licences) -> Track | Flaw:
    file = root / path
    try:
        sidecar = _sidecar(file.with_suffix(".json"), root)
        caption = _text(file.with_suffix(".txt"))
    except ValueError as error:
        return Flaw(path, str(error))
    said = named(row.fields) | named(sidecar.fields)
    artist = word(said, "artist")
    return Track(
        id=track_id("folder", path),
        path=path,
        group=group_of(artist) or path.split("/", 1)[0],
        split=split_of(said),
        title=word(said, "title") or Path(path).stem,
        artist=artist,
        url=word(said, "url"),
        claims=(row.claims() + sidecar.claims()) or licences.of(file.parent),
        music=music(said, caption),
        expected=Expected(codes=spoken.digest(file)),
    )


def _sidecar(path: Path, root: Path) -> Said:
    """Raises ValueError for one that is no object of JSON."""
    text = _text(path)
    if not text:
        return Said({}, "")
    name = relative(path, root)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no object of fields")
    return Said(found, name)


def _text(path: Path) -> str:
    """Empty where there is no such file. Raises ValueError for one that is no text, or cannot be read."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SIDECAR_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > _MAX_SIDECAR_BYTES:
        raise ValueError(f"{path.name} has more than {_MAX_SIDECAR_BYTES} bytes")
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no UTF-8") from error
