"""Songs of musicgen-small's shapes, by everybody, in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import audiocraft, openvino
from benchmarks.peers import FRAME_RATE, PEERS, REFERENCE

DELAY_STEPS = 3
Row = dict[str, Any]
HEAD = """\
| songs | who | steps/s | x real time | x transformers | first audio s | wall s | peak MB | load s |
|---|---|---|---|---|---|---|---|---|
"""


def who_is_here(work: Path, asked: Sequence[str] | None) -> list[str]:
    """Peers whose wheels are installed, of those that are asked for."""
    away = [folder for folder in (audiocraft.FOLDER, openvino.FOLDER) if not (work / folder).is_dir()]
    names = [name for name in PEERS if asked is None or name in asked]
    return [name for name in names if not name.startswith(tuple(away))]


def prepare(names: Sequence[str], folder: Path) -> None:
    """Everybody once, so that what is made once (sessions, graphs) is there before the first race."""
    for name in names:
        _race(name, folder, 1, 0.1)


def table(names: Sequence[str], folder: Path, songs: int, seconds: float, rounds: int) -> list[Row]:
    """One row a peer: medians over rounds in which the peers take turns, each time in a new process."""
    found = [{name: _race(name, folder, songs, seconds) for name in names} for _ in range(rounds)]
    rows = [_row(name, [each[name] for each in found], songs, seconds) for name in names]
    reference = next((row["wall_s"] for row in rows if row["peer"] == REFERENCE), None)
    for row in rows:
        row["ratio"] = reference and reference / row["wall_s"]
    return rows


def line(row: Row) -> str:
    figures = (
        f"{row['steps_s']:.1f}",
        f"{row['real_time_factor']:.2f}",
        f"{row['ratio']:.1f}" if row["ratio"] else "",
        f"{row['first_audio_s']:.2f}",
        f"{row['wall_s']:.1f}",
        f"{row['peak_mb']:.0f}",
        f"{row['load_s']:.1f}",
    )
    return f"| {row['songs']} | {row['peer']} | {' | '.join(figures)} |\n"


def _race(name: str, folder: Path, songs: int, seconds: float) -> dict[str, float]:
    """A process that loads, warms up and races once: all the machine's memory is its own."""
    command = [sys.executable, "-m", "benchmarks.peers", name, str(folder)]
    asked = json.dumps({"songs": songs, "seconds": seconds}) + "\n"
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if len(answers) != 2:
        raise RuntimeError(f"{name} ended: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(answers[0]) | json.loads(answers[1])
    print(f"{name}, {songs} songs of {seconds:g} s: {found['wall_s']:.1f} s", file=sys.stderr, flush=True)
    return found


def _row(name: str, found: list[dict[str, float]], songs: int, seconds: float) -> Row:
    wall_s = median(each["wall_s"] for each in found)
    return {
        "songs": songs,
        "peer": name,
        "wall_s": wall_s,
        "steps_s": (round(seconds * FRAME_RATE) + DELAY_STEPS) / wall_s,
        "real_time_factor": songs * seconds / wall_s,
        "first_audio_s": median(each.get("first_audio_s", each["wall_s"]) for each in found),
        "peak_mb": max(each["peak_mb"] for each in found),
        "load_s": median(each["load_s"] for each in found),
    }
