"""The table of speed in README.md, from what the benchmark left in benchmarks/."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pages.markdown import table

BEGIN, END = "<!-- measured: by python -m pages -->", "<!-- measured: end -->"
SONGS = 1, 8  # at once
HEAD = ("who", "one song", "its first sound", "eight songs at once", "their first sound")
Row = dict[str, Any]


def put_into(text: str, folder: Path) -> str:
    """The page with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"README.md needs {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{measured(folder)}\n{END}{after}"


def measured(folder: Path) -> str:
    """The table and the machine that it was measured on. folder: of RESULTS.json and RESULTS.md.

    Of what ran while the machine was quiet, where the results tell that apart.
    """
    found = json.loads((folder / "RESULTS.json").read_text("utf-8"))
    rows: list[Row] = found.get("quiet") or found["songs"]
    peers = dict.fromkeys(row["peer"] for row in rows)
    lines = [_line(peer, [_of(rows, peer, songs) for songs in SONGS]) for peer in peers]
    return f"{table(HEAD, lines)}\n{_where(rows[0], (folder / 'RESULTS.md').read_text('utf-8'))}\n"


def _of(rows: Sequence[Row], peer: str, songs: int) -> Row:
    return next(row for row in rows if (row["peer"], row["songs"]) == (peer, songs))


def _line(peer: str, rows: Sequence[Row]) -> list[str]:
    cells = [peer]
    for row in rows:
        cells += [
            f"{row['real_time_factor']:.2f} ({row['ratio']:.1f} times)",
            f"{row['first_audio_s']:.1f} s",
        ]
    return cells


def _where(row: Row, report: str) -> str:
    """The songs, the machine and the commit: what the row does not say is in the report."""
    facts = {name: row.get(name) or _said(name, report) for name in FACTS}
    return "Songs of {seconds} s; {machine}; {date}, commit {commit}.".format(**facts)


def _said(name: str, report: str) -> str:
    if (found := re.search(FACTS[name], report)) is None:
        raise ValueError(f"neither RESULTS.json nor RESULTS.md says {name}")
    return found[1]


FACTS = {
    "seconds": r"songs of ([0-9.]+) s",
    "machine": r"- Machine: ([^;]+);",
    "date": r"(\d{4}-\d\d-\d\d), commit",
    "commit": r"commit ([0-9a-f]+)",
}
