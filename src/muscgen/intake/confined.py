"""The limited process, seen from outside: what it may cost, and its first line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from muscgen import telemetry

CHILD = Path(__file__).with_name("child.py")
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # for finding libsndfile; no secrets


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one file: seconds of sound, of computing and of waiting, and bytes of address space.

    Ten minutes of MP3 take about 2 s of computing; Python, numpy and libsndfile 0.3 GB of addresses.
    """

    max_s: float = 600.0
    cpu_s: int = 30
    wall_s: float = 60.0
    memory_bytes: int = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Confined:
    """A child at work. answer: what it says."""

    process: subprocess.Popen[bytes]
    answer: IO[bytes]

    def line(self, most_bytes: int) -> bytes:
        """The next line; nothing where the child died of it, or goes wrong."""
        found = self.answer.readline(most_bytes)
        if found.endswith(b"\n"):
            return found
        self.process.kill()  # it may have gone wrong and still write
        telemetry.warning("intake.died", code=self.process.wait())
        return b""

    @property
    def killed(self) -> bool:
        """Whether it took too much time or memory."""
        return self.process.poll() == -signal.SIGKILL


@contextmanager
def confined(
    file: BinaryIO, limits: Limits, order: Mapping[str, object], more: BinaryIO | None = None
) -> Iterator[Confined]:
    """The child, at work on the file, which must have a descriptor; it is gone at the end.

    more: a file whose descriptor the order names, for what is too long for an argument.
    """
    costs = {"cpu_s": limits.cpu_s, "memory_bytes": limits.memory_bytes}
    with _from_its_beginning(file) as descriptor:
        process = subprocess.Popen(
            [sys.executable, "-I", str(CHILD), json.dumps(costs | dict(order))],
            stdin=descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
            close_fds=True,
            pass_fds=() if more is None else (more.fileno(),),
        )
        assert process.stdout is not None  # noqa: S101  asked for above
        timer = threading.Timer(limits.wall_s, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield Confined(process, process.stdout)
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def _from_its_beginning(file: BinaryIO) -> Iterator[int]:
    """The file's descriptor, whose place the child shares and moves; put back at the end."""
    file.flush()  # the child reads what lies on the disk
    descriptor = file.fileno()
    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        yield descriptor
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
