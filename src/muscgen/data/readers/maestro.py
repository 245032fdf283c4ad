"""MAESTRO v3: piano performances. Its table is a csv, or the same as json {column: {row: value}}.

The table names composers and pieces, not performers, so that it is pieces that splits keep apart, as its
own splits do. Licence: the LICENSE file that comes with it, else the one it is published under.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from muscgen.data.readers.tables import Row, number, relative, rows, within
from muscgen.data.track import Claim, Expected, Flaw, Music, Split, Track, Traits, group_of, track_id
from muscgen.errors import InvalidRequest

TRAITS = Traits(text_license="CC-BY-NC-SA-4.0", text_attribution="MAESTRO v3 (Hawthorne et al., 2019)")
COLUMNS = (
    "canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration",
)  # fmt: skip
PUBLISHED = Claim(
    "url", "https://creativecommons.org/licenses/by-nc-sa/4.0/", "magenta.tensorflow.org/datasets/maestro"
)
URL = "https://magenta.tensorflow.org/datasets/maestro"
_SPLITS: dict[str, Split] = {"train": "train", "validation": "valid", "test": "test"}
_TEXT_CHARS = 1_000


def read(root: Path) -> Iterator[Track | Flaw]:
    """Raises InvalidRequest where the folder holds no table of MAESTRO's."""
    table = _table(root)
    found = rows(table, COLUMNS, root) if table.suffix == ".csv" else _json_rows(table, root)
    claims = _claims(root)
    for item in found:
        yield (item if isinstance(item, Flaw) else _track(item[1], f"{table.name} line {item[0]}", claims))


def _table(root: Path) -> Path:
    for ending in ("csv", "json"):
        if tables := sorted(root.glob(f"maestro-v*.{ending}")):
            return tables[-1]  # the newest version
    raise InvalidRequest(
        f"{root} holds neither maestro-v3.0.0.csv nor maestro-v3.0.0.json",
        param="path",
        suggestion="the folder that maestro-v3.0.0.zip unpacks to",
    )


def _json_rows(path: Path, root: Path) -> Iterator[tuple[int, Row] | Flaw]:
    try:
        table = json.loads(path.read_text("utf-8"))
        numbers = list(table[COLUMNS[0]])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{relative(path, root)} is no table {{column: {{row: value}}}}: {error!r}", param="path"
        ) from error
    for place, row in enumerate(numbers, 1):
        try:
            yield place, {column: str(table[column][row]) for column in COLUMNS}
        except (KeyError, TypeError):
            yield Flaw(f"{path.name} row {row}", "a column has no such row")


def _claims(root: Path) -> tuple[Claim, ...]:
    licence = root / "LICENSE"
    if not licence.is_file():
        return (PUBLISHED,)
    with licence.open("rb") as file:
        return (Claim("text", file.read(_TEXT_CHARS).decode("utf-8", "replace"), "LICENSE"),)


def _track(row: Row, place: str, claims: tuple[Claim, ...]) -> Track | Flaw:
    path = row["audio_filename"]
    if not within(path):
        return Flaw(place, f"{path!r} is no file of the set")
    composer, title = row["canonical_composer"], row["canonical_title"]
    return Track(
        id=track_id("maestro", path),
        path=path,
        group=group_of(composer, title),
        split=_SPLITS.get(row["split"]),
        title=title,
        artist=composer,
        url=URL,
        claims=claims,
        music=Music(genres=("classical",), instruments=("piano",), keywords=("solo piano",)),
        expected=Expected(duration_s=number(row["duration"])),
    )
