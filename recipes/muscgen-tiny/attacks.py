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

import torch
from make import SOUNDFONT


def main() -> int:
    from tinysong import attack, dynamics
    from transformers import MusicgenForConditionalGeneration

    from muscgen.models.leftout import BUILTIN
    from muscgen.training.model import quiet

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--model", type=Path, default=BUILTIN / "muscgen-tiny", help="a folder")
    parser.add_argument("--store", action="store_true", help="keep them, for codecs without attacks")
    given = parser.parse_args()
    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            given.model, dtype=torch.float32, local_files_only=True
        )
    if given.store and dynamics.has(model.audio_encoder):
        parser.error(f"--store: {given.model} has attacks already; measure a model without")
    found = attack.measured(model.audio_encoder.eval(), given.soundfont)
    print(json.dumps(found, indent=1))
    if given.store:
        attack.STORED.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
