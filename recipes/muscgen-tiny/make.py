#!/usr/bin/env python
"""muscgen-tiny from nothing: a free SoundFont in, a checkpoint out. See README.md beside it.

python recipes/muscgen-tiny/make.py --scale smoke --out tiny
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
NEEDED = "Debian's packages fluidsynth and fluid-soundfont-gm, and pip install 'muscgen[data,train]'"


def main() -> int:
    from tinysong import render
    from tinysong.scales import SCALES
    from tinysong.stages import Kitchen, cook

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="smoke", help="how much of everything")
    parser.add_argument("--out", type=Path, required=True, help="folder; the same again goes on")
    parser.add_argument("--id", default="ours/tiny", help="of the model that is made")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="songs at once")
    given = parser.parse_args()
    if render.program() is None or not given.soundfont.is_file():
        print(f"there is no fluidsynth, or no {given.soundfont}; needed: {NEEDED}", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    scale = given.out / "scale"
    if scale.is_file() and scale.read_text() != given.scale:
        print(f"{given.out} was begun at scale {scale.read_text()}; take another folder", file=sys.stderr)
        return 1
    scale.write_text(given.scale)
    try:
        cook(
            Kitchen(given.out.absolute(), SCALES[given.scale], given.soundfont, max(1, given.jobs), given.id)
        )
    except subprocess.CalledProcessError as error:
        print(f"stopped, exit code {error.returncode}; the same command goes on", file=sys.stderr)
        return 1
    print(f'muscgen generate "..." -o song.wav --model {given.out / "model"}')
    return 0


if __name__ == "__main__":
    sys.exit(main())
