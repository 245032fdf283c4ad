"""What loading takes: seconds, and memory as the system counts it from outside the process.

`resident` has mapped files in it, whose pages the system takes back when it wants them, and which processes
of one model share; `own` is without these.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LOOK_S = 0.005
_KILOBYTE = 1024


def loads(folder: Path, precision: str) -> Iterator[dict[str, Any]]:
    """The first load, which prepares the sessions, and the next, each until a step is made."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        for sessions in ("prepared", "there"):
            yield {"precision": precision, "sessions": sessions} | _watched(folder, precision, cache)


def _watched(folder: Path, precision: str, cache: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.inside", "load", precision, str(folder), cache]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peaks = {"VmRSS": 0, "RssAnon": 0}
    while process.poll() is None:
        for name, bytes_ in _status(process.pid).items():
            peaks[name] = max(peaks[name], bytes_)
        time.sleep(_LOOK_S)
    answer, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"loading ended with {process.returncode}")
    return json.loads(answer) | {"resident_mb": peaks["VmRSS"] / 1e6, "own_mb": peaks["RssAnon"] / 1e6}


def _status(pid: int) -> dict[str, int]:
    """The figures of Linux that are wanted; none of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split()[:2] for line in lines if line.startswith(("VmRSS", "RssAnon")))
    return {name.rstrip(":"): int(value) * _KILOBYTE for name, value in pairs}
