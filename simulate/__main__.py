"""`make simulate`: what the queue bears. Up to 1,000 workers without engines, over a real Redis.

Writes RESULTS.md and results.json. SIMULATE="--workers 1 10 --seconds 5" shortens it (four minutes without).
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from load.__main__ import machine
from simulate.report import page
from simulate.runs import crowd, fake_song, real_song

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 30, 100, 300, 1_000])
    parser.add_argument("--slots", type=int, default=8, help="songs at once in a worker")
    parser.add_argument(
        "--song", type=float, default=16.0, help="seconds that a song takes, with all slots taken"
    )
    parser.add_argument("--audio", type=float, default=10.0, help="seconds of music in it")
    parser.add_argument("--seconds", type=float, default=12.0, help="that each run is measured for")
    parser.add_argument("--songs", type=int, default=5, help="through the real service")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    real = real_song(asked.audio, asked.songs)
    told(real)
    fake = asyncio.run(fake_song(asked.audio, real["song_s"], asked.songs))
    told(fake)
    rows = []
    for slots in (0, asked.slots):
        for workers in asked.workers:
            rows.append(asyncio.run(crowd(workers, slots, asked.song, asked.audio, asked.seconds)))
            told(rows[-1])
    options = " ".join(
        [
            f"--slots {asked.slots}",
            f"--song {asked.song:g}",
            f"--audio {asked.audio:g}",
            f"--seconds {asked.seconds:g}",
        ]
    )
    found = {
        "machine": machine(),
        "command": f"python -m simulate {options}",
        "songs": [real, fake],
        "crowds": rows,
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (asked.out / "RESULTS.md").write_text(page(found))


def told(row: dict[str, object]) -> None:
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
