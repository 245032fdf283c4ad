"""What owners say of their own songs: fields of JSON or of a table, and the LICENSE of a folder.

Fields: title, artist, url, license (SPDX id, name or address), description (or caption, text), genre, moods,
keywords (or tags), instrument, bpm (or tempo), key, split. A list is a json list, or words between commas.
Upper and lower case are one in names of fields and of LICENSE files. What is said of a licence and is no text
is a claim all the same: one that cannot be read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from muscgen.data.readers.tables import number, relative
from muscgen.data.track import SPLITS, Claim, Music, Split

_OTHER_NAMES = {"caption": "description", "text": "description", "tags": "keywords", "tempo": "bpm"}
_LICENCE_FIELDS = frozenset(
    f"licen{letter}e{ending}" for letter in "cs" for ending in ("", "s", "_url", " url", "-url", "url")
)
_LICENCE_FILES = frozenset(f"licen{letter}e{ending}" for letter in "cs" for ending in ("", ".txt", ".md"))
_LICENCE_CHARS = 1_000
_HELD = 4_096  # folders whose LICENSE is remembered
_VALID = {"validation": "valid", "val": "valid", "eval": "test", "training": "train"}


@dataclass(frozen=True, slots=True)
class Said:
    """Fields, and where they were read."""

    fields: Mapping[str, Any]
    source: str

    def claims(self) -> tuple[Claim, ...]:
        """Of a licence."""
        return tuple(
            Claim("spdx", text, f"{self.source} {name}")
            for name, value in self.fields.items()
            if name.strip().lower() in _LICENCE_FIELDS and (text := _licence(value))
        )


class Licences:
    """The LICENSE files of a folder, or of the nearest above that has one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.of = lru_cache(_HELD)(self._of)

    def _of(self, folder: Path) -> tuple[Claim, ...]:
        claims = tuple(Claim("text", _text(path), relative(path, self._root)) for path in _files(folder))
        return claims or (self.of(folder.parent) if folder != self._root else ())


def _files(folder: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.lower() in _LICENCE_FILES)  # noqa: PTH208
    except OSError:  # a table may name a folder that is not there
        return []
    return [path for path in (folder / name for name in names) if path.is_file()]


def _text(path: Path) -> str:
    """Of a LICENSE; words that are none where it cannot be read, or is empty."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(_LICENCE_CHARS).strip() or "it is empty"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _licence(value: object) -> str:
    """What is said, as text; empty where nothing is."""
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or value in ([], {}) else json.dumps(value)


def named(said: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under our names; those that say nothing are left out."""
    return {
        _OTHER_NAMES.get(name, name): value
        for name, value in ((name.strip().lower(), value) for name, value in said.items())
        if value not in (None, "", [])
    }


def music(said: Mapping[str, Any], caption: str = "") -> Music:
    return Music(
        description=word(said, "description") or " ".join(caption.split()),
        genres=words(said, "genre"),
        moods=words(said, "moods"),
        keywords=words(said, "keywords"),
        instruments=words(said, "instrument"),
        tempo_bpm=number(word(said, "bpm")),
        key=word(said, "key"),
    )


def word(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return str(value).strip() if isinstance(value, str | int | float) else ""


def words(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name)
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return tuple(word for part in parts if (word := str(part).strip()))


def split_of(said: Mapping[str, Any]) -> Split | None:
    name = word(said, "split").lower()
    return next((split for split in SPLITS if split == _VALID.get(name, name)), None)
