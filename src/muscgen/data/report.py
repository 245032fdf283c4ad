"""What a ledger comes to: counts by licence and reason, and the table of whom to name."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muscgen.data import place as files
from muscgen.data.ledger import Entry
from muscgen.data.manifest import Manifest
from muscgen.data.place import Place
from muscgen.data.trained import models_of
from muscgen.errors import InvalidRequest

_EXAMPLES = 3
_ASK_NO_NAME = frozenset({"CC0-1.0", "CC-PDM-1.0", "CC-PDDC"})
_IN = b'"decision":"in"'
_HEAD = """# Attribution

The tracks that this data set is made of, with their authors and licences. Publish this table with every model
that was trained on it. Tracks whose licence asks for no name stand together, a line an author.

| track | title | artist | licence | source | attribution |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Report:
    """licenses: tracks in and out by licence. reasons: tracks by reason, with a few of their ids."""

    licenses: dict[str, dict[str, int]]
    reasons: dict[str, int]
    examples: dict[str, list[dict[str, str]]]
    manifest: Manifest | None
    models: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        manifest = self.manifest
        return {
            "licenses": self.licenses,
            "reasons": self.reasons,
            "examples": self.examples,
            "manifest": None if manifest is None else manifest.sha256,
            "use": None if manifest is None else manifest.use,
            "license": None if manifest is None else manifest.license,
            "splits": {} if manifest is None else manifest.model_dump(mode="json")["splits"],
            "models": self.models,
        }


def report(place: Place) -> Report:
    """Raises InvalidRequest where there is no ledger."""
    licenses: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    examples: dict[str, list[dict[str, str]]] = {}
    for entry in entries(place):
        licenses.setdefault(entry.license or "unknown", Counter())[entry.decision] += 1
        reasons[entry.reason] += 1
        shown = examples.setdefault(entry.reason, [])
        if not entry.is_in and len(shown) < _EXAMPLES:
            shown.append({"id": entry.id, "path": entry.path, "detail": entry.detail})
    manifest = None
    if place.manifest.is_file():
        manifest = Manifest.model_validate_json(place.manifest.read_bytes())
    return Report(
        {name: {"in": count["in"], "out": count["out"]} for name, count in sorted(licenses.items())},
        dict(reasons.most_common()),
        {reason: shown for reason, shown in examples.items() if shown},
        manifest,
        [{"model": line.model, "path": line.path} for line in models_of(place, {manifest.sha256})]
        if manifest
        else [],
    )


def entries(place: Place, *, only_in: bool = False) -> Iterator[Entry]:
    """The ledger's lines, all or those of tracks that are in. Raises InvalidRequest where there is none."""
    if not place.ledger.is_file():
        raise InvalidRequest(
            f"{place.folder} holds no prepared data set", param="data", suggestion="muscgen data prepare"
        )
    for fields in files.lines(place.ledger, holding=_IN if only_in else b""):
        entry = Entry.from_dict(fields)
        if entry.is_in or not only_in:
            yield entry


def write_attribution(place: Place, text_attribution: str) -> tuple[Path, Path]:
    """The table in Markdown and csv, of the tracks that are in."""
    markdown, table = place.folder / "ATTRIBUTION.md", place.folder / "attribution.csv"
    with files.written(markdown) as page, files.written(table) as rows:
        page.write(_HEAD.encode())
        rows.write(_csv_line(("track", "title", "artist", "licence", "licence_url", "source", "attribution")))
        unnamed: Counter[tuple[str, str]] = Counter()
        for entry in entries(place, only_in=True):
            source = entry.url or entry.path
            cells = (entry.id, entry.title, entry.artist, entry.license, source, entry.attribution)
            rows.write(_csv_line((*cells[:4], entry.license_url, *cells[4:])))
            if entry.license in _ASK_NO_NAME:
                unnamed[entry.artist, entry.license] += 1
            else:
                page.write(_row(cells))
        for (artist, license_), count in unnamed.items():
            tracks = f"{count:,} track{'s' if count > 1 else ''}"
            page.write(
                _row((tracks, "", artist, license_, "", f"{artist} ({license_})" if artist else license_))
            )
        if text_attribution:
            page.write(f"\nCaptions and labels: {text_attribution}.\n".encode())
    return markdown, table


def _row(cells: tuple[str, ...]) -> bytes:
    return ("| " + " | ".join(map(_cell, cells)) + " |\n").encode("utf-8", "backslashreplace")


def _cell(text: str) -> str:
    """Nothing that a table or a page would take for its own."""
    plain = " ".join(text.split())
    for sign in ("\\", "|", "<", "[", "`", "*", "_"):
        plain = plain.replace(sign, "\\" + sign)
    return plain


def _csv_line(cells: tuple[str, ...]) -> bytes:
    """A text that spreadsheets would run as a formula gets a ' before it."""
    line = io.StringIO()
    safe = ["'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
    csv.writer(line, lineterminator="\n").writerow(safe)
    return line.getvalue().encode("utf-8", "backslashreplace")
