"""The files of a log: audit-000001.jsonl, audit-000002.jsonl, …, and the head, which lies beside the key.

The head says which line was the last. It lies apart from the lines, so that whoever can only touch those
cannot cut some off unseen.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from muscgen.artifacts import files
from muscgen.audit.line import GENESIS, MAX_LINE_BYTES, Line, is_sealed, sealed
from muscgen.errors import ConfigurationError

_NAME = re.compile(r"audit-(\d{6,})\.jsonl")
_KEY_BYTES = 32
_SKEW_S = 60.0  # between the clocks of those who write


@dataclass(frozen=True, slots=True)
class Head:
    """The last line: its number and its hash."""

    seq: int = 0
    hash: str = GENESIS

    def write(self, path: Path, key: bytes) -> None:
        seal = sealed(key, f"head {self.seq} {self.hash}")
        files.write(path, json.dumps({"seq": self.seq, "hash": self.hash, "seal": seal}).encode() + b"\n")

    @classmethod
    def read(cls, path: Path, key: bytes) -> Head | None:
        """None where there is none. Raises ValueError for one that somebody else wrote."""
        try:
            fields = json.loads(path.read_bytes())
            head, seal = cls(int(fields["seq"]), str(fields["hash"])), str(fields["seal"])
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no head of a log") from error
        if not is_sealed(key, f"head {head.seq} {head.hash}", seal):
            raise ValueError(f"{path} was not written with this key")
        return head


def segments(folder: Path) -> list[Path]:
    """The files in their order."""
    if not folder.is_dir():
        return []
    numbered = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]


def following(folder: Path, path: Path | None) -> Path:
    """The file after this one, or the first."""
    match = _NAME.fullmatch(path.name) if path is not None else None
    return folder / f"audit-{int(match[1]) + 1 if match else 1:06}.jsonl"


def last_line(path: Path) -> tuple[Line | None, bytes]:
    """The last whole line, None where it cannot be read or is missing, and what follows it torn."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2 * MAX_LINE_BYTES))
        whole, _, torn = file.read().rpartition(b"\n")
    if not whole:
        return None, torn
    return _readable(whole.rpartition(b"\n")[2]), torn


def _readable(text: bytes) -> Line | None:
    try:
        return Line.read(text)
    except ValueError:
        return None


def line_of(folder: Path, kind: str, job: str, since: float) -> Line | None:
    """The line of this kind that names the job, if one was written. since: Unix seconds; none is older."""
    oldest = datetime.fromtimestamp(since - _SKEW_S, UTC).isoformat()
    for path in reversed(segments(folder)):
        lines = path.read_bytes().splitlines()
        for text in lines:
            if job.encode() not in text or (line := _readable(text)) is None:
                continue
            if (line.kind, line.what.get("job")) == (kind, job):
                return line
        if lines and (first := _readable(lines[0])) and first.time < oldest:
            return None
    return None


def key_in(path: Path) -> bytes:
    """The key in the file, which is made where it is missing. Raises OSError, ValueError."""
    if not path.exists():
        _make_key(path)
    return _read_key(path)


def key_of(path: Path) -> bytes | None:
    """The key in the file; None where it is missing. Raises OSError, ConfigurationError."""
    try:
        return _read_key(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("utf-8").strip())
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise ValueError(f"{path} holds no key of {_KEY_BYTES} bytes in hexadecimal digits")
    return key


def _make_key(path: Path) -> None:
    """Whoever comes first makes the file; all others read it."""
    files.make_private(path.parent)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    part.touch(mode=0o600)
    part.write_text(f"{secrets.token_hex(_KEY_BYTES)}\n", "utf-8")
    try:
        os.link(part, path)
    except FileExistsError:
        return
    finally:
        part.unlink()
