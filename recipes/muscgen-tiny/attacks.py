#!/usr/bin/env python
"""Measure how notes begin in a SoundFont, against a codec: what its first ages are to be multiplied by.

python recipes/muscgen-tiny/attacks.py                           what is left to do for the shipped one
python recipes/muscgen-tiny/attacks.py --model FIRST --store     tinysong/attacks.json anew, by one without
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from make import SOUNDFONT


def main() -> int:
    from tinysong import attack, dynamics
    from tinysong.checkpoint import opened

    from muscgen.models.leftout import BUILTIN

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--model", type=Path, default=BUILTIN / "muscgen-tiny", help="a folder")
    parser.add_argument("--store", action="store_true", help="keep them, for codecs without attacks")
    given = parser.parse_args()
    codec = opened(given.model).audio_encoder
    if given.store and dynamics.has(codec):
        parser.error(f"--store: {given.model} has attacks already; measure a model without")
    found = attack.measured(codec, given.soundfont)
    print(json.dumps(found, indent=1))
    if given.store:
        attack.STORED.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
