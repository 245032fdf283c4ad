"""A table of wishes becomes a folder of songs: python batch.py wishes.csv songs/

The table has a column `prompt`, and may have `name`, `duration`, `seed` and `model`. Several are asked for
at once; a song that is there already is left alone, so a batch that was stopped goes on when called again.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from pathlib import Path
from typing import Any

import muscgen

AT_ONCE = 4
NUMBERS = {"duration": float, "seed": int}


async def main() -> int:
    parser = argparse.ArgumentParser(description="A table of wishes becomes a folder of songs.")
    parser.add_argument("table", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key")
    parser.add_argument("--format", default="flac", choices=["wav", "flac", "mp3", "ogg", "opus"])
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with asked.table.open(newline="", encoding="utf-8") as file:
        wishes = list(csv.DictReader(file))
    turns = asyncio.Semaphore(AT_ONCE)
    async with muscgen.AsyncClient(asked.url, key=asked.key) as client:

        async def one(number: int, row: dict[str, str]) -> bool:
            path = asked.folder / f"{row.get('name') or f'{number:04d}'}.{asked.format}"
            if path.exists():
                return True
            async with turns:
                return await song(client, row, path)

        done = await asyncio.gather(*(one(number, row) for number, row in enumerate(wishes, 1)))
    print(f"{sum(done)} of {len(done)} songs are in {asked.folder}")
    return 0 if all(done) else 1


async def song(client: muscgen.AsyncClient, row: dict[str, str], path: Path) -> bool:
    """Whether it was made; what went wrong is told, and the others go on."""
    wish: dict[str, Any] = {"delivery": {"priority": "batch"}}
    for name in ("duration", "seed", "model"):
        if row.get(name):
            wish[name] = NUMBERS.get(name, str)(row[name])
    try:
        job = await client.generate(row["prompt"], **wish)
        await job.save(path)
    except muscgen.MuscgenError as error:
        print(f"{path.name}: {error.detail}", file=sys.stderr)
        return False
    print(f"{path.name}: seed {job.outputs[0].seed}")
    return True


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
