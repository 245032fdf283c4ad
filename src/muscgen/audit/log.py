"""The log of an installation: lines are added, by as many processes as share its home; none is changed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from muscgen import telemetry
from muscgen.artifacts import files
from muscgen.audit.line import MAX_LINE_BYTES, Fact, Kind, Line
from muscgen.audit.segments import Head, following, key_in, last_line, line_of, segments
from muscgen.errors import AuditUnavailable
from muscgen.settings import AuditPolicy, Settings

ROTATE_BYTES = 64_000_000
FRESH_S = 10.0  # so long nobody else can have written the line of what was just begun


class Audit:
    """`note` writes a line. folder: of the lines. key, head: files that lie elsewhere.

    policy: what becomes of an act that cannot be written down: `require` refuses it, `warn` counts it and
    lets it be, and with `off` nothing is written at all.
    """

    def __init__(
        self,
        folder: Path,
        key: Path,
        head: Path,
        *,
        policy: AuditPolicy = "require",
        rotate_bytes: int = ROTATE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._key_path, self._head_path = folder, key, head
        self._policy, self._rotate_bytes, self._clock = policy, rotate_bytes, clock
        self._name = ""

    def name(self) -> str:
        """Of this log among those of a cluster; "" where nothing is written. Raises AuditUnavailable."""
        if self._policy != "off" and not self._name:
            with self._unless_missed("generate"):
                self._name = files.digest(key_in(self._key_path))[:16]
        return self._name

    def note(self, kind: Kind, who: str, *, begun_at: float | None = None, **what: Fact) -> Line | None:
        """Write down who did what; durable on return. None where nothing was written.

        who: a tenant or a person; "" is anyone. what: digests and ids, never a prompt. begun_at: Unix
        seconds; whoever finds it unwritten later may write it too, and the first line of `what["job"]`
        stays the only one. Blocks for the disk. Raises AuditUnavailable.
        """
        if self._policy == "off":
            return None
        with self._unless_missed(kind):
            return self._append(kind, who or "anyone", what, begun_at)
        return None

    @contextmanager
    def _unless_missed(self, kind: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, AuditUnavailable) as error:
            telemetry.AUDIT_MISSED.labels(kind).inc()
            telemetry.warning("audit.missed", kind=kind, reason=str(error))
            if self._policy == "warn":
                return
            raise AuditUnavailable(
                f"the audit log cannot be written, and nothing is done unseen: {error}", retry_after_s=60.0
            ) from error

    def check(self) -> Head:
        """Where the log stands; that it can be written, now. Raises AuditUnavailable."""
        if self._policy == "off":
            return Head()
        try:
            files.make_private(self._folder)
            with files.locked(self._folder):
                return self._head(key_in(self._key_path))[0]
        except (OSError, ValueError) as error:
            raise AuditUnavailable(f"the audit log in {self._folder} cannot be written: {error}") from error

    def _append(self, kind: Kind, who: str, what: dict[str, Fact], begun_at: float | None) -> Line:
        files.make_private(self._folder)
        with files.locked(self._folder):
            if begun_at is not None and self._clock() > begun_at + FRESH_S:
                written = line_of(self._folder, kind, str(what["job"]), begun_at)
                if written is not None:
                    return written
            key = key_in(self._key_path)
            path = self._mended(key)
            head, broken = self._head(key)
            if broken is not None:
                head = self._write(path, key, head, "broken", "", broken)
            line = Line.after(head.seq, head.hash, key, at=self._clock(), kind=kind, who=who, what=what)
            self._put(self._roomy(path), line, key)
        return line

    def _write(self, path: Path, key: bytes, head: Head, kind: Kind, who: str, what: dict[str, Fact]) -> Head:
        line = Line.after(head.seq, head.hash, key, at=self._clock(), kind=kind, who=who, what=what)
        telemetry.warning("audit.broken", kind=kind, seq=line.seq)
        return self._put(path, line, key)

    def _put(self, path: Path, line: Line, key: bytes) -> Head:
        text = line.text().encode() + b"\n"
        if len(text) > MAX_LINE_BYTES:
            raise ValueError(f"a line of {len(text)} bytes is too long")
        head = Head(line.seq, line.hash)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            before = os.lseek(descriptor, 0, os.SEEK_END)
            try:
                if os.write(descriptor, text) != len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
                if not before:
                    files.sync(self._folder)
                self._lead(head, key)
            except (OSError, ValueError):
                os.ftruncate(descriptor, before)  # half a line is none, and neither is one without its head
                raise
        finally:
            os.close(descriptor)
        return head

    def _lead(self, head: Head, key: bytes) -> None:
        """Write the head; where that fails late, it may stand there all the same."""
        try:
            head.write(self._head_path, key)
        except OSError:
            if Head.read(self._head_path, key) != head:
                raise

    def _mended(self, key: bytes) -> Path:
        """The file to write to. What a crash left half written goes, and a line says so."""
        paths = segments(self._folder)
        if not paths:
            return following(self._folder, None)
        _, torn = last_line(paths[-1])
        if torn:
            os.truncate(paths[-1], paths[-1].stat().st_size - len(torn))
            head, _ = self._head(key)
            what: dict[str, Fact] = {"bytes": len(torn), "sha256": files.digest(torn)}
            self._write(paths[-1], key, head, "torn", "", what)
        return paths[-1]

    def _head(self, key: bytes) -> tuple[Head, dict[str, Fact] | None]:
        """What the next line follows, and what is wrong with the log, if it does not end as it did."""
        written = Head()
        for path in reversed(segments(self._folder)):
            line, _ = last_line(path)
            if line is not None:
                written = Head(line.seq, line.hash)
                break
        try:
            head = Head.read(self._head_path, key)
        except ValueError:
            head = None
            if not written.seq:
                return written, {"head": "unreadable"}
        if head is None:
            return written, {"head": "missing", "last": written.seq} if written.seq else None
        if written.seq > head.seq or written == head:  # a crash came between a line and the head
            return written, None
        return head, {"head": head.seq, "last": written.seq, "last_hash": written.hash}

    def _roomy(self, path: Path) -> Path:
        """The file, or the next one when it is full."""
        full = path.exists() and path.stat().st_size >= self._rotate_bytes
        return following(self._folder, path) if full else path


def audit_of(settings: Settings, *, check: bool = False) -> Audit:
    """The log of the settings' home.

    check: see now that it can be written, and log where it stands, for whoever keeps logs elsewhere. Raises
    AuditUnavailable then, if it must be and cannot.
    """
    audit = Audit(
        settings.audit_path,
        settings.audit_key_path,
        settings.audit_head_path,
        policy=settings.audit,
        rotate_bytes=settings.audit_bytes,
    )
    if check and settings.audit != "off":
        try:
            head = audit.check()
            telemetry.event("audit.head", seq=head.seq, hash=head.hash)
        except AuditUnavailable as error:
            telemetry.warning("audit.unavailable", reason=error.detail)
            if settings.audit == "require":
                raise
    return audit
