#!/usr/bin/env python
"""How well a muscgen-tiny follows prompts, read from its codes: 48 songs that the composer never wrote down.

python recipes/muscgen-tiny/follow.py --model muscgen-tiny --seconds 10

Beside it what chance gives (the same songs against other prompts) and what the composer's own songs have. Of
a stereo model the left side is read, and whether the right one keeps time with it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

FIRST_SEED = 5_000_000


def main() -> int:
    from tinysong.following import followed

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="muscgen-tiny", help="an id or a folder")
    parser.add_argument("--songs", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first song")
    parser.add_argument("--part", type=float, metavar="SECONDS", help="read the last seconds alone")
    parser.add_argument("--out", type=Path, help="figures as JSON")
    given = parser.parse_args()
    if given.part is not None and not 0 < given.part <= given.seconds:
        parser.error(f"--part {given.part:g}: more than 0, and at most --seconds {given.seconds:g}")
    rows = followed(given.model, given.songs, given.seconds, given.seed, given.part)
    print(f"{'':20}{'model':>8}{'chance':>8}{'composer':>9}{'songs':>7}")
    for name, row in rows.items():
        print(f"{name:20}{row['model']:8.2f}{row['chance']:8.2f}{row['composer']:9.2f}{row['songs']:7d}")
    if given.out is not None:
        given.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
