"""The table of speed in README.md, from what the benchmark left in benchmarks/."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pages.markdown import table

BEGIN, END = "<!-- measured: by python -m pages -->", "<!-- measured: end -->"
HEAD = ("songs at once", "who", "seconds of music a second", "times transformers", "first sound after")
Row = dict[str, Any]


def put_into(text: str, folder: Path) -> str:
    """The page with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"README.md needs {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{measured(folder)}\n{END}{after}"


def measured(folder: Path) -> str:
    """The table and the machine that it was measured on. folder: of RESULTS.json and RESULTS.md."""
    found = json.loads((folder / "RESULTS.json").read_text("utf-8"))
    report = (folder / "RESULTS.md").read_text("utf-8")
    rows = [row for row in _rows(found) if row["songs"] in (1, 8)]
    return f"{table(HEAD, map(_line, rows))}\n{_length(rows, report)}; {_where(report)}\n"


def _length(rows: list[Row], report: str) -> str:
    said = re.search(r"songs of ([0-9.]+) s", report)
    seconds = rows[0].get("seconds") or (said and said[1])
    if not seconds:
        raise ValueError("neither RESULTS.json nor RESULTS.md says how long the songs are")
    return f"Songs of {seconds} s"


def _rows(found: Any) -> list[Row]:  # noqa: ANN401  as JSON has it
    """Of a quiet machine, and of the shortest songs that everybody was asked for."""
    rows: list[Row] = found["songs"] if isinstance(found, dict) else [row for row in found if row["quiet"]]
    peers = {row["peer"] for row in rows}
    lengths = sorted({row.get("seconds", 0) for row in rows})
    whole = [
        length
        for length in lengths
        if {row["peer"] for row in rows if row.get("seconds", 0) == length} == peers
    ]
    return [row for row in rows if row.get("seconds", 0) == whole[0]]


def _line(row: Row) -> tuple[str, ...]:
    return (
        str(row["songs"]),
        row["peer"],
        f"{row['real_time_factor']:.2f}",
        f"{row['ratio']:.1f}" if row["ratio"] else "",
        f"{row['first_audio_s']:.1f} s",
    )


def _where(report: str) -> str:
    facts = {name: re.search(pattern, report) for name, pattern in FACTS.items()}
    missing = [name for name, match in facts.items() if match is None]
    if missing:
        raise ValueError(f"RESULTS.md does not say {missing}")
    when, commit, machine = (match[1] for match in facts.values() if match)
    return f"{machine}; {when}, commit {commit}."


FACTS = {
    "when": r"(\d{4}-\d\d-\d\d), commit",
    "commit": r"commit ([0-9a-f]+)",
    "machine": r"- Machine: ([^;]+);",
}
