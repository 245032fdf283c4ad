"""docs/decisions/README.md: the decisions by their titles."""

from __future__ import annotations

from pathlib import Path

from pages.markdown import table

HEAD = """# Decisions

What binds, each with its evidence and its cost. A new one gets the next number, and `make pages` lists it.

"""


def page(folder: Path) -> str:
    return HEAD + table(("", "decided"), map(_row, sorted(folder.glob("[0-9]*.md"))))


def _row(path: Path) -> tuple[str, str]:
    number, _, title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ").partition(". ")
    return f"[{number}]({path.name})", title
