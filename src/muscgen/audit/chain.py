"""Is the log as it was written? Every byte of it is compared with what its hashes and seals say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from muscgen.audit.line import GENESIS, Line, is_sealed
from muscgen.audit.segments import Head, segments

NOTHING = Head()
MOST_FAULTS = 100  # a report is read by people


@dataclass(slots=True)
class Report:
    """What was looked at and what is wrong with it. complete: from the first line to the head."""

    lines: int = 0
    first: int = 0
    last: Head = NOTHING
    complete: bool = False
    sealed: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        return not self.faults

    def fault(self, words: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(words)


def verify(
    files: Sequence[Path], *, key: bytes | None = None, expect: Head | None = None, first: Head | None = None
) -> Report:
    """Whether the lines of these files, in this order, are a chain.

    key: also check who wrote them. expect: a line that must be among them as it was, noted elsewhere before.
    first: what the first line follows; None takes any. Raises OSError.
    """
    report, before, met = Report(sealed=key is not None), first, expect is None or not expect.seq
    for place, text in _lines(files):
        report.lines += 1
        try:
            line = Line.read(text)
        except ValueError as error:
            report.fault(f"{place}: {error}")
            continue
        _check(report, place, text, line, before, key)
        if before is None:
            report.first = line.seq
        before = report.last = Head(line.seq, line.hash)
        met = met or before == expect
    report.first = report.first or (first.seq + 1 if first and report.lines else 0)
    if expect is not None and not met:
        report.fault(f"line {expect.seq} with the hash {expect.hash} is not there: cut off, or changed")
    return report


def verify_home(folder: Path, head_path: Path, key: bytes | None, expect: Head | None = None) -> Report:
    """The whole log of a home, from its first line to its head. Raises OSError."""
    report = verify(segments(folder), key=key, expect=expect, first=Head(0, GENESIS))
    report.complete = True
    if key is None:
        report.fault("the log's key is not there: who wrote the lines, and where they end, cannot be checked")
        return report
    try:
        head = Head.read(head_path, key)
    except ValueError as error:
        report.fault(str(error))
        return report
    if head is None:
        if report.lines:
            report.fault(f"{head_path} is missing: lines may have been cut off at the end")
    elif head.seq > report.last.seq or (head.seq == report.last.seq and head.hash != report.last.hash):
        report.fault(f"the log ends with line {report.last.seq}, and its head knows line {head.seq}: cut off")
    return report


def lines(files: Sequence[Path]) -> Iterator[Line]:
    """What can be read of these files; nothing is checked. Raises OSError."""
    for _, text in _lines(files):
        with suppress(ValueError):
            yield Line.read(text)


def _check(
    report: Report, place: str, text: bytes, line: Line, before: Head | None, key: bytes | None
) -> None:
    if line.digest() != line.hash or line.text().encode() != text:
        report.fault(f"{place}: line {line.seq} was changed")
    if before is not None:
        _check_place(report, place, line, before)
    if key is not None and not is_sealed(key, line.hash, line.seal):
        report.fault(f"{place}: line {line.seq} was not written with this log's key")
    if line.kind == "broken":
        report.fault(f"{place}: line {line.seq} says that the log had lost lines before it was written")


def _check_place(report: Report, place: str, line: Line, before: Head) -> None:
    if line.seq > before.seq + 1:
        report.fault(f"{place}: lines {before.seq + 1} to {line.seq - 1} are missing")
    elif line.seq != before.seq + 1:
        report.fault(f"{place}: line {line.seq} stands where line {before.seq + 1} belongs")
    elif line.previous != before.hash:
        report.fault(f"{place}: line {line.seq} does not follow the line before it, which was changed")


def _lines(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                place = f"{path.name}:{number}"
                yield place, text[:-1] if text.endswith(b"\n") else text + b" (torn)"
