"""`make bench`: songs of musicgen-small's shapes, ours against the others, in turn, on this machine.

python -m benchmarks [--seconds 10] [--rounds 3] [--songs 1 4 8] [--parts songs codec ...] [--peers ...]

By the peers' earlier figures 4 s and one round take some 20 minutes on two quiet cores, 10 s and three two
hours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import checkpoint, loading, machine, race
from benchmarks.peers import PEERS

PARTS = "songs", "steps", "codec", "tiny", "load"
PRECISIONS = "int8", "fp32"


def main() -> None:
    asked = _arguments()
    folder = checkpoint.make(asked.work / "small")
    found: dict[str, Any] = {"limits": machine.limits()}
    for part in asked.parts:
        found[part] = WORK[part](asked, folder)
        asked.report.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    asked.report.write_text("".join(_report(asked, found)))
    print(asked.report.read_text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--songs", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="all, if not given")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--work", type=Path, default=Path(".bench"))
    parser.add_argument("--report", type=Path, default=Path("benchmarks/RESULTS.md"))
    return parser.parse_args()


def _songs(asked: argparse.Namespace, folder: Path) -> list[race.Row]:
    names = race.who_is_here(asked.work, asked.peers)
    race.prepare(names, folder)
    tables = (race.table(names, folder, songs, asked.seconds, asked.rounds) for songs in asked.songs)
    return [row for table in tables for row in table]


def _steps(_: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    return [row for precision in PRECISIONS for row in _inside("steps", precision, str(folder))]


def _codec(_: argparse.Namespace, folder: Path) -> dict[str, float]:
    return dict(_inside("codec", str(folder)))


def _tiny(asked: argparse.Namespace, _: Path) -> list[dict[str, Any]]:
    folder = asked.work / checkpoint.TINY.name
    shutil.copytree(checkpoint.TINY, folder, dirs_exist_ok=True)
    return [
        _inside("songs", precision, str(songs), f"{asked.seconds:g}", str(folder))
        for songs in asked.songs
        for precision in PRECISIONS
    ]


def _load(_: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    return [row for precision in PRECISIONS for row in loading.loads(folder, precision)]


WORK = {"songs": _songs, "steps": _steps, "codec": _codec, "tiny": _tiny, "load": _load}


def _inside(*arguments: str) -> Any:  # noqa: ANN401
    command = [sys.executable, "-m", "benchmarks.inside", *arguments]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def _report(asked: argparse.Namespace, found: dict[str, Any]) -> Iterator[str]:
    here, limits = machine.describe(), found["limits"]
    yield f"""\
# Benchmark results

{date.today():%Y-%m-%d}, commit {here["commit"]}: `python -m benchmarks {" ".join(sys.argv[1:])}`

- Machine: {here["cpu"]}; measured here: it reads {limits["read_gb_s"]:.1f} GB/s
  and makes {limits["fp32_gmac_s"]:.0f} x 10^9 products a second in fp32, {limits["int8_gmac_s"]:.0f} in int8.
- {here["versions"]}.
- Workload: musicgen-small's shapes with random weights, songs of {asked.seconds:g} s, guidance 3, top-k 250,
  sampling and codec included; medians of {asked.rounds} rounds in which the peers take turns, each in a new
  process.
"""
    written = {
        "songs": _song_table,
        "steps": _step_table,
        "codec": _codec_lines,
        "tiny": _tiny_table,
        "load": _load_table,
    }
    for part in asked.parts:
        yield from written[part](found)


def _song_table(found: dict[str, Any]) -> Iterator[str]:
    yield f"\n## Songs\n\n{race.HEAD}"
    yield from map(race.line, found["songs"])


def _step_table(found: dict[str, Any]) -> Iterator[str]:
    yield """
## A step of ours

In ms, and its share of the machine's limit: what it would take if all weights, keys and values were read once
at the speed measured above, or all products were made, whichever is longer.

"""
    positions = sorted({row["position"] for row in found["steps"]})
    yield f"| precision | rows | {' | '.join(f'at {position}' for position in positions)} |\n"
    yield "|---|---" + "|---" * len(positions) + "|\n"
    for key in dict.fromkeys((row["precision"], row["rows"]) for row in found["steps"]):
        rows = [row for row in found["steps"] if (row["precision"], row["rows"]) == key]
        yield f"| {key[0]} | {key[1]} | {' | '.join(_step_cell(row, found['limits']) for row in rows)} |\n"


def _step_cell(row: dict[str, Any], limits: dict[str, float]) -> str:
    least = machine.least_ms(limits, row["precision"], row["rows"], row["position"])
    return f"{row['ms']:.1f} ({least / row['ms']:.0%})"


def _codec_lines(found: dict[str, Any]) -> Iterator[str]:
    torch, chunks, whole = (found["codec"][name] for name in ("torch", "chunks", "whole"))
    yield f"""
## EnCodec

10 s of sound: torch {torch:.2f} s, ours {chunks:.2f} s in chunks of half a second ({torch / chunks:.1f} x),
whole {whole:.2f} s ({torch / whole:.1f} x).
"""


def _tiny_table(found: dict[str, Any]) -> Iterator[str]:
    yield "\n## muscgen-tiny\n\n| songs | precision | x real time | first audio s |\n|---|---|---|---|\n"
    for row in found["tiny"]:
        yield (
            f"| {row['songs']} | {row['precision']} | {row['real_time_factor']:.1f} "
            f"| {row['first_audio_s']:.2f} |\n"
        )


def _load_table(found: dict[str, Any]) -> Iterator[str]:
    yield """
## Loading

The checkpoint of 2,356 MB, until a song could begin; the most memory meanwhile in MB. What is resident has
pages of mapped files in it, which the system takes back when it wants them; its own is without these.

| precision | sessions | s | resident | own |
|---|---|---|---|---|
"""
    for row in found["load"]:
        figures = f"{row['load_s']:.1f} | {row['resident_mb']:.0f} | {row['own_mb']:.0f}"
        yield f"| {row['precision']} | {row['sessions']} | {figures} |\n"


if __name__ == "__main__":
    main()
