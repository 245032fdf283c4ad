"""Any folder of sound files, with what its owner says of them beside.

metadata.csv     one row a file: `path` (or file, file_name), and any of the fields below
<name>.json      the same fields, for one file; audiocraft's names are among them
<name>.txt       a caption
<name>.codes.npz codes that the sound was made of, see data/spoken.py
LICENSE(.txt)    holds for the files of its folder and of those below, where they say nothing themselves

The fields are those of said.py.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
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
_PATH_COLUMNS = ("path", "file", "file_name")
_MAX_SIDECAR_BYTES = 1_000_000


def read(root: Path) -> Iterator[Track | Flaw]:
    """The table's rows in their order, then the files that it does not name. Raises InvalidRequest."""
    if not root.is_dir():
        raise InvalidRequest(f"there is no folder {root}", param="path")
    licences = Licences(root)
    listed: set[bytes] = set()  # digests: a hundred thousand paths in 10 MB
    table = root / TABLE
    for item in _rows(table, root) if table.is_file() else ():
        if isinstance(item, Flaw):
            yield item
            continue
        path, said = item
        listed.add(_mark(path))
        yield _track(root, path, said, licences)
    for path in sounds(root):
        if _mark(path) not in listed:
            yield _track(root, path, Said({}, ""), licences)


def _rows(table: Path, root: Path) -> Iterator[tuple[str, Said] | Flaw]:
    with opened(table, root) as file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader, [])]
        column = next((name for name in _PATH_COLUMNS if name in header), None)
        if column is None:
            raise InvalidRequest(
                f"{TABLE} has no column {', '.join(_PATH_COLUMNS)}",
                param="path",
                suggestion="path,title,license",
            )
        for item in fields(reader, header, TABLE):
            if isinstance(item, Flaw):
                yield item
                continue
            line, row = item
            path = row[column]
            if not within(path):
                yield Flaw(f"{TABLE} line {line}", f"{path!r} is no file of the folder")
            else:
                yield Path(path).as_posix(), Said(row, f"{TABLE} line {line}")


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
    """Empty where there is no such file. Raises ValueError for one that is no text."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        content = file.read(_MAX_SIDECAR_BYTES + 1)
    if len(content) > _MAX_SIDECAR_BYTES:
        raise ValueError(f"{path.name} has more than {_MAX_SIDECAR_BYTES} bytes")
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no UTF-8") from error
