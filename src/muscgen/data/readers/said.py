"""What owners say of their own songs: fields of JSON or of a table, and the LICENSE of a folder.

Fields: title, artist, url, license (SPDX id, name or address), description (or caption, text), genre, moods,
keywords (or tags), instrument, bpm (or tempo), key, split. A list is a json list, or words between commas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from muscgen.data.readers.tables import number, relative
from muscgen.data.track import SPLITS, Claim, Music, Split

_OTHER_NAMES = {"caption": "description", "text": "description", "tags": "keywords", "tempo": "bpm"}
_LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt")
_LICENCE_CHARS = 1_000
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
            for name in ("license", "license_url")
            if (text := word(self.fields, name))
        )


class Licences:
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


def named(said: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under our names; those that say nothing are left out."""
    return {
        _OTHER_NAMES.get(name, name): value for name, value in said.items() if value not in (None, "", [])
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
