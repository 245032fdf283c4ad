#!/usr/bin/env python
"""muscgen-tiny's next version: songs composed, a free SoundFont, the shipped model in; a checkpoint out.

python recipes/muscgen-tiny/make.py --scale smoke --out tiny
python recipes/muscgen-tiny/make.py --scale gpu --out tiny --only base,songs,data,language_model

See README.md beside it.
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
    from tinysong.scales import SCALES
    from tinysong.stages import PARCELS, STAGES, Kitchen, cook, marker, receive, send

    names = [stage.__name__ for stage in STAGES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="smoke", help="how much of everything")
    parser.add_argument("--out", type=Path, required=True, help="folder; the same again goes on")
    parser.add_argument("--id", default="ours/tiny", help="of the model that is made")
    parser.add_argument("--stereo", action="store_true", help="the stereo twin")
    parser.add_argument(
        "--ears",
        choices=("learnt", "shipped"),
        default="learnt",
        help="shipped: no encoder learns; the model is packed with the shipped one's",
    )
    parser.add_argument("--only", default="", metavar="STAGES", help=f"some of {','.join(names)}")
    parser.add_argument(
        "--lm-steps", type=int, metavar="N", help="of the language model; default: the scale's"
    )
    parser.add_argument("--lessons", type=int, metavar="N", help="steps of `taught`; default: the scale's")
    parser.add_argument("--ears-steps", type=int, metavar="N", help="of the encoder; default: the scale's")
    parser.add_argument(
        "--send", choices=PARCELS, help="after the stages: what one learnt goes into parcels/"
    )
    parser.add_argument(
        "--open", choices=PARCELS, help="before the stages: what parcels/ holds of one is its"
    )
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="songs at once")
    given = parser.parse_args()
    only = [name for name in given.only.split(",") if name]
    if wrong := _wrong(given, only, names):
        parser.error(wrong)
    if missing := _missing(given, only):
        print(missing, file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    begun, word = given.out / "scale", given.scale + (" in stereo" if given.stereo else "")
    if begun.is_file() and begun.read_text() != word:
        print(f"{given.out} was begun at scale {begun.read_text()}; take another folder", file=sys.stderr)
        return 1
    begun.write_text(word)
    scale = SCALES[given.scale].of_steps(given.lm_steps, given.lessons, given.ears_steps)
    out = given.out.absolute()
    kitchen = Kitchen(out, scale, given.soundfont, max(1, given.jobs), given.id, given.stereo, given.ears)
    try:
        if given.open:
            receive(kitchen, given.open)
        cook(kitchen, only)
        if given.send:
            send(kitchen, given.send)
    except subprocess.CalledProcessError as error:
        print(f"stopped, exit code {error.returncode}; the same command goes on", file=sys.stderr)
        return 1
    if marker(kitchen, "packed").is_file():
        print(f'muscgen generate "..." -o song.wav --model {given.out / kitchen.model.name}')
    return 0


def _missing(given: argparse.Namespace, only: list[str]) -> str:
    from tinysong import render
    from tinysong.stages import PLAYED, STAGES

    asked = PLAYED & set(only or [stage.__name__ for stage in STAGES])
    if given.ears == "shipped" or not asked or (given.out / "done" / "rendered").is_file():
        return ""
    if render.program() is None or not given.soundfont.is_file():
        return f"there is no fluidsynth, or no {given.soundfont}; needed: {NEEDED}"
    return ""


def _wrong(given: argparse.Namespace, only: list[str], names: list[str]) -> str:
    from tinysong.stages import HEARD, MONO

    if unknown := [name for name in only if name not in names]:
        return f"--only: there is no stage {', '.join(unknown)}; there are {', '.join(names)}"
    asked = dict.fromkeys((*only, given.send, given.open))
    if given.ears == "shipped" and (idle := [name for name in asked if name in HEARD]):
        return f"{', '.join(idle)}: only for ears that learn, not with --ears shipped"
    if given.stereo and (idle := [name for name in asked if name in MONO]):
        return f"{', '.join(idle)}: only for one channel, not with --stereo"
    return ""


if __name__ == "__main__":
    sys.exit(main())
