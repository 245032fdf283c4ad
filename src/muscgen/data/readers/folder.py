"""Any folder of sound files, with what its owner says of them beside.

metadata.csv     one row a file: `path` (or file, file_name), and any of the fields below
<name>.json      the same fields, for one file; audiocraft's names are among them
<name>.txt       a caption
<name>.codes.npz codes that the sound was made of, see data/spoken.py
LICENSE(.txt)    holds for the files of its folder and of those below, where they say nothing themselves

Fields: title, artist, url, license (SPDX id, name or address), description (or caption, text), genre, moods,
keywords (or tags), instrument, bpm (or tempo), key, split. A list is a json list, or words between commas.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from muscgen.data import spoken
from muscgen.data.readers.files import sounds
from muscgen.data.readers.tables import fields, number, opened, relative, within
from muscgen.data.track import SPLITS, Claim, Expected, Flaw, Music, Split, Track, Traits, group_of, track_id
from muscgen.errors import InvalidRequest

TRAITS = Traits()
TABLE = "metadata.csv"
_PATH_COLUMNS = ("path", "file", "file_name")
_OTHER_NAMES = {"caption": "description", "text": "description", "tags": "keywords", "tempo": "bpm"}
_LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt")
_MAX_SIDECAR_BYTES = 1_000_000
_LICENCE_CHARS = 1_000
_VALID = {"validation": "valid", "val": "valid", "eval": "test", "training": "train"}


@dataclass(frozen=True, slots=True)
class _Said:
    """Fields, and where they were read."""

    fields: Mapping[str, Any]
    source: str


def read(root: Path) -> Iterator[Track | Flaw]:
    """The table's rows in their order, then the files that it does not name. Raises InvalidRequest."""
    if not root.is_dir():
        raise InvalidRequest(f"there is no folder {root}", param="path")
    licences = _Licences(root)
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
            yield _track(root, path, _Said({}, ""), licences)


def _rows(table: Path, root: Path) -> Iterator[tuple[str, _Said] | Flaw]:
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
                yield Path(path).as_posix(), _Said(row, f"{TABLE} line {line}")


def _mark(path: str) -> bytes:
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _track(root: Path, path: str, row: _Said, licences: _Licences) -> Track | Flaw:
    file = root / path
    try:
        sidecar = _sidecar(file.with_suffix(".json"), root)
        caption = _text(file.with_suffix(".txt"))
    except ValueError as error:
        return Flaw(path, str(error))
    said = _named(row.fields) | _named(sidecar.fields)
    artist = _word(said, "artist")
    return Track(
        id=track_id("folder", path),
        path=path,
        group=group_of(artist) or path.split("/", 1)[0],
        split=_split(_word(said, "split")),
        title=_word(said, "title") or Path(path).stem,
        artist=artist,
        url=_word(said, "url"),
        claims=_said_of_licence(row, sidecar) or licences.of(file.parent),
        music=_music(said, caption),
        expected=Expected(codes=spoken.digest(file)),
    )


def _sidecar(path: Path, root: Path) -> _Said:
    """Raises ValueError for one that is no object of JSON."""
    text = _text(path)
    if not text:
        return _Said({}, "")
    name = relative(path, root)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no object of fields")
    return _Said(found, name)


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


def _said_of_licence(*said: _Said) -> tuple[Claim, ...]:
    return tuple(
        Claim("spdx", text, f"{part.source} {name}")
        for part in said
        for name in ("license", "license_url")
        if (text := _word(part.fields, name))
    )


class _Licences:
    """The LICENSE file of a folder, or of the nearest above."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.of = lru_cache(256)(self._of)

    def _of(self, folder: Path) -> tuple[Claim, ...]:
        for path in (folder / name for name in _LICENCE_FILES):
            if path.is_file():
                text = path.read_text("utf-8", "replace")[:_LICENCE_CHARS]
                return (Claim("text", text, relative(path, self._root)),)
        return self.of(folder.parent) if folder != self._root else ()


def _music(said: Mapping[str, Any], caption: str) -> Music:
    return Music(
        description=_word(said, "description") or " ".join(caption.split()),
        genres=_words(said, "genre"),
        moods=_words(said, "moods"),
        keywords=_words(said, "keywords"),
        instruments=_words(said, "instrument"),
        tempo_bpm=number(_word(said, "bpm")),
        key=_word(said, "key"),
    )


def _named(said: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under our names; those that say nothing are left out."""
    return {
        _OTHER_NAMES.get(name, name): value for name, value in said.items() if value not in (None, "", [])
    }


def _word(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _words(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name)
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return tuple(word for part in parts if (word := str(part).strip()))


def _split(word: str) -> Split | None:
    name = _VALID.get(word.lower(), word.lower())
    return next((split for split in SPLITS if split == name), None)
