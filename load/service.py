"""The real service without a worker, and what it weighs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEPTH = 1_000_000  # no run is to be about a full queue
STOP_S = 60.0


@dataclass(frozen=True)
class Running:
    """A running service."""

    port: int
    pid: int

    def rss_mb(self) -> float:
        """Resident memory of the API process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def cpu_s(self) -> float:
        """User and system time so far."""
        return _cpu_s(self.pid)

    def redis_cpu_s(self) -> float:
        """The same of the queue's server, which is its child."""
        children = [task.read_text().split() for task in Path(f"/proc/{self.pid}/task").glob("*/children")]
        return sum(_cpu_s(int(child)) for task in children for child in task)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving(*, worker: bool = False, **settings: str) -> Iterator[Running]:
    """Without a worker unless one is wanted; settings as MUSCGEN_X=value."""
    with tempfile.TemporaryDirectory(prefix="load") as home:
        environment = os.environ | {"MUSCGEN_MAX_QUEUE_DEPTH": str(DEPTH)} | settings
        alone = [] if worker else ["--no-worker"]
        with (Path(home) / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "muscgen", "serve", "--port", "0", "--home", home, *alone],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        assert process.stdout is not None
        try:
            found = re.search(r"listening on http://\S+:(\d+)", process.stdout.readline())
            if found is None:
                raise SystemExit((Path(home) / "log").read_text())
            yield Running(int(found[1]), process.pid)
        finally:
            process.terminate()
            process.wait(STOP_S)
            process.stdout.close()
