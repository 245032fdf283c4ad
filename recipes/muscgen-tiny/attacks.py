#!/usr/bin/env python
"""Measure how notes begin in a SoundFont, against the shipped codec: tinysong/attacks.json anew.

python recipes/muscgen-tiny/attacks.py
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from make import SOUNDFONT


def main() -> int:
    from tinysong import attack
    from transformers import MusicgenForConditionalGeneration

    from muscgen.models.leftout import BUILTIN
    from muscgen.training.model import quiet

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    given = parser.parse_args()
    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            BUILTIN / "muscgen-tiny", dtype=torch.float32, local_files_only=True
        )
    found = attack.measured(model.audio_encoder.eval(), given.soundfont)
    attack.STORED.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
