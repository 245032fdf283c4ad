"""`make bench`: songs of musicgen-small's shapes, ours against transformers, in turn, on this machine.

python -m benchmarks [--seconds 10] [--rounds 3] [--songs 1 4 8] [--work .bench] [--report FILE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import audiocraft, checkpoint, machine
from benchmarks.peers import FRAME_RATE, PEERS

DELAY_STEPS = 3


class Peer:
    """A racer's process."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        command = [sys.executable, "-m", "benchmarks.peers", name, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.load_s = self._answer()["load_s"]

    def race(self, songs: int, seconds: float) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"songs": songs, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        answer: dict[str, float] = json.loads(line)
        return answer


def main() -> None:
    asked = _arguments()
    limits = machine.limits()
    folder = checkpoint.make(asked.work / "small")
    names = [name for name in PEERS if asked.peers is None or name in asked.peers]
    if not (asked.work / audiocraft.FOLDER).is_dir():
        names = [name for name in names if not name.startswith("audiocraft")]
    peers = [Peer(name, folder) for name in names]
    for peer in peers:
        peer.race(1, 0.5)  # warm up
    rows = [row for songs in asked.songs for row in _table(peers, songs, asked)]
    for peer in peers:
        peer.close()
    asked.report.write_text(_report(asked, limits, rows))
    asked.report.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    print(asked.report.read_text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--songs", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="all, if not given")
    parser.add_argument("--work", type=Path, default=Path(".bench"))
    parser.add_argument("--report", type=Path, default=Path("benchmarks/RESULTS.md"))
    return parser.parse_args()


def _table(peers: list[Peer], songs: int, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """One row a peer: medians over rounds in which the peers take turns."""
    rounds = [{peer.name: peer.race(songs, asked.seconds) for peer in peers} for _ in range(asked.rounds)]
    reference = median(found["transformers fp32"]["wall_s"] for found in rounds)
    steps = round(asked.seconds * FRAME_RATE) + DELAY_STEPS
    rows = []
    for peer in peers:
        wall_s = median(found[peer.name]["wall_s"] for found in rounds)
        rows.append(
            {
                "songs": songs,
                "peer": peer.name,
                "wall_s": wall_s,
                "steps_s": steps / wall_s,
                "real_time_factor": songs * asked.seconds / wall_s,
                "ratio": reference / wall_s,
                "first_audio_s": median(found[peer.name].get("first_audio_s", wall_s) for found in rounds),
                "peak_mb": max(found[peer.name]["peak_mb"] for found in rounds),
                "load_s": peer.load_s,
            }
        )
    return rows


def _report(asked: argparse.Namespace, limits: dict[str, float], rows: list[dict[str, Any]]) -> str:
    here = machine.describe()
    by_int8, by_fp32 = (machine.steps_by_bandwidth(limits["read_gb_s"], size) for size in (1, 4))
    songs = " ".join(map(str, asked.songs))
    head = f"""\
# Benchmark results

{date.today():%Y-%m-%d}, commit {here["commit"]}:
`python -m benchmarks --seconds {asked.seconds:g} --rounds {asked.rounds} --songs {songs}`

- Machine: {here["cpu"]}; reads {limits["read_gb_s"]:.1f} GB/s, {limits["fp32_gflop_s"]:.0f} GFLOP/s in fp32.
- {here["versions"]}.
- Workload: musicgen-small's shapes with random weights, songs of {asked.seconds:g} s, guidance 3, top-k 250,
  sampling and codec included; medians of rounds in which the peers take turns.
- If reading the weights once were all there is to it: {by_int8:.0f} steps/s in int8, {by_fp32:.0f} in fp32.

| songs | who | steps/s | x real time | x transformers | first audio s | wall s | peak MB | load s |
|---|---|---|---|---|---|---|---|---|
"""
    return head + "".join(map(_line, rows))


def _line(row: dict[str, Any]) -> str:
    figures = (
        f"{row['steps_s']:.1f}",
        f"{row['real_time_factor']:.2f}",
        f"{row['ratio']:.1f}",
        f"{row['first_audio_s']:.2f}",
        f"{row['wall_s']:.1f}",
        f"{row['peak_mb']:.0f}",
        f"{row['load_s']:.1f}",
    )
    return f"| {row['songs']} | {row['peer']} | {' | '.join(figures)} |\n"


if __name__ == "__main__":
    main()
