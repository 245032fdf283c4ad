"""Who accepted which terms, and when: home/licences/accepted.jsonl, to which lines are only added.

An acceptance is of a text. Where a card's terms change, they are to be accepted anew. Taking one back is a
line too; of those of one text the last counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from muscgen import telemetry
from muscgen.artifacts.files import make_private, sync


@dataclass(frozen=True, slots=True)
class Accepted:
    """One line. at: Unix seconds. below_cap: whether the person confirmed to stay below a revenue cap.

    withdrawn: it takes back what was accepted before.
    """

    model: str
    license: str
    person: str
    at: float
    text_sha256: str
    text: str
    below_cap: bool = False
    license_sha256: str = ""  # of the licence's whole text, where it was at hand
    withdrawn: bool = False


class Acceptances:
    """The file, read again whenever it changed, so that a running service learns of an acceptance."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._known: dict[tuple[str, str], Accepted] = {}

    def of(self, model: str, text: str) -> Accepted | None:
        """The latest acceptance of exactly these terms, unless it was taken back."""
        self._refresh()
        found = self._known.get((model, digest(text)))
        return None if found is None or found.withdrawn else found

    def standing(self, model: str) -> list[Accepted]:
        """All acceptances of a model's terms, of whatever text, that were not taken back."""
        self._refresh()
        return [line for line in self._known.values() if line.model == model and not line.withdrawn]

    def add(
        self,
        model: str,
        license_: str,
        text: str,
        *,
        person: str,
        below_cap: bool = False,
        license_sha256: str = "",
    ) -> Accepted:
        """Write an acceptance down; durable on return. Raises OSError."""
        return self._write(
            Accepted(model, license_, person, time.time(), digest(text), text, below_cap, license_sha256)
        )

    def withdraw(self, accepted: Accepted, person: str) -> Accepted:
        """Take an acceptance back; durable on return. Raises OSError."""
        return self._write(replace(accepted, person=person, at=time.time(), withdrawn=True))

    def _write(self, line: Accepted) -> Accepted:
        if self._path is None:
            raise ValueError("nowhere to write an acceptance to")
        make_private(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            text = json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n"
            file.write(text if _whole(descriptor) else b"\n" + text)
            file.flush()
            os.fsync(file.fileno())
        sync(self._path.parent)
        return line

    def _refresh(self) -> None:
        try:
            status = self._path.stat() if self._path else None
        except OSError:
            status = None
        if self._path is None or status is None:
            self._known, self._seen = {}, None
            return
        seen = status.st_mtime_ns, status.st_size
        if seen != self._seen:
            lines = [_line(text) for text in self._path.read_bytes().split(b"\n") if text]
            self._known = {(line.model, line.text_sha256): line for line in lines if line}
            self._seen = seen


def digest(text: str) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(descriptor: int) -> bool:
    """Whether the last line ends; one that a crash cut stays a line of its own."""
    size = os.fstat(descriptor).st_size
    return not size or os.pread(descriptor, 1, size - 1) == b"\n"


def _line(text: bytes) -> Accepted | None:
    """None for a line that a crash cut, or that somebody changed: it accepts nothing."""
    try:
        line = Accepted(**json.loads(text.decode()))
    except (ValueError, TypeError):
        telemetry.warning("licence.line_ignored")
        return None
    return line if line.text_sha256 == digest(line.text) else None
