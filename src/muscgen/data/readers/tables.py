"""Tables of a data set, row by row: columns checked once, rows that do not fit told by their line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from muscgen.data.track import Flaw
from muscgen.errors import InvalidRequest

Row = dict[str, str]
_MAX_FIELD_CHARS = 10_000_000  # biographies in FMA's tables run to hundreds of thousands


def rows(path: Path, needed: Sequence[str], root: Path) -> Iterator[tuple[int, Row] | Flaw]:
    """Line number and fields of each row of a table with one header line.

    Raises InvalidRequest for a table that is not there, is no UTF-8 or lacks one of the needed columns.
    """
    with opened(path, root) as file:
        reader = csv.reader(file)
        header = next(reader, [])
        check_columns(path, header, needed, root)
        yield from fields(reader, header, relative(path, root))


def fields(reader: Iterator[list[str]], header: Sequence[str], name: str) -> Iterator[tuple[int, Row] | Flaw]:
    """Rows as dictionaries; one of another width, or that cannot be read, is a flaw. Empty ones are none."""
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Flaw(f"{name} line {_line(reader)}", str(error))
            continue
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"{name} is not UTF-8 after line {_line(reader)}: {error.reason}", param="path"
            ) from error
        if not any(map(str.strip, values)):
            continue
        if len(values) != len(header):
            yield Flaw(f"{name} line {_line(reader)}", f"{len(values)} fields, not {len(header)}")
            continue
        yield _line(reader), dict(zip(header, values, strict=True))


def _line(reader: Iterable[list[str]]) -> int:
    return int(getattr(reader, "line_num", 0))  # of the csv module's own reader


@contextmanager
def opened(path: Path, root: Path) -> Iterator[TextIO]:
    """Raises InvalidRequest naming the file where it is not there, or the block reads what is no text."""
    csv.field_size_limit(min(_MAX_FIELD_CHARS, sys.maxsize))
    try:
        file = path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise InvalidRequest(
            f"{relative(path, root)} cannot be read in {root}: {error.strerror}", param="path"
        ) from error
    with file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"{relative(path, root)} is not UTF-8: {error.reason}", param="path"
            ) from error
        except csv.Error as error:
            raise InvalidRequest(f"{relative(path, root)} is no table: {error}", param="path") from error


def check_columns(path: Path, header: Sequence[str], needed: Sequence[str], root: Path) -> None:
    """Raises InvalidRequest naming the columns that are missing."""
    if missing := [name for name in needed if name not in header]:
        raise InvalidRequest(
            f"{relative(path, root)} has no column {', '.join(missing)}",
            param="path",
            suggestion=f"its columns are {', '.join(filter(None, header)) or 'none'}",
        )


def relative(path: Path, root: Path) -> str:
    """As the ledger names files: relative to the data set, with slashes."""
    return path.relative_to(root).as_posix()


def number(text: str) -> float | None:
    """None for what is no finite positive number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def within(name: str) -> bool:
    """Whether a name out of a table stays inside the data set's folder."""
    path = Path(name)
    return bool(path.parts) and "\0" not in name and not path.is_absolute() and ".." not in path.parts
