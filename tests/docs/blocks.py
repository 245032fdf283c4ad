"""The examples of README.md and docs/: fenced blocks, and the notes above them that say what becomes of them.

<!-- example: not run, it needs docker -->     with the reason
<!-- example: answer -->                       what the command before it printed, in shape
<!-- example: POST /generate 202 -->           a body that is sent there, and the status of the answer
<!-- example: exit 1 -->                       a command that fails, and how
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTE = re.compile(r"<!-- example: (.*?) -->\s*\n")
FENCE = re.compile(
    r"^(?P<note><!-- example: .*? -->[ \t]*\n)?```(?P<language>[a-z]*)[ \t]*\n(?P<text>.*?)^```[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
RUN = ("sh", "bash", "console", "python")
NOT_RUN = "not run, "
ELSEWHERE = {"ts": "TypeScript; the client in clients/typescript has tests of its own"}


@dataclass(frozen=True, slots=True)
class Block:
    page: str
    line: int
    language: str
    text: str
    note: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def reason(self) -> str:
        """Why it is not run; empty where it is."""
        if self.note.startswith(NOT_RUN):
            return self.note.removeprefix(NOT_RUN)
        return ELSEWHERE.get(self.language, "")


def pages() -> list[str]:
    """README.md and every page of docs/, below the root."""
    found = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return ["README.md", *found]


def blocks(page: str) -> Iterator[Block]:
    text = (ROOT / page).read_text("utf-8")
    for match in FENCE.finditer(text):
        note = NOTE.match(match["note"] or "")
        line = text.count("\n", 0, match.start("language")) + 1
        yield Block(page, line, match["language"], match["text"], note[1] if note else "")
