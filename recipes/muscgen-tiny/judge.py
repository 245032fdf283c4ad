#!/usr/bin/env python
"""muscgen-tiny, or another model, against the stored baseline: 48 prompts, ten seconds each.

python recipes/muscgen-tiny/judge.py                    exit code 3: something is worse than it was
python recipes/muscgen-tiny/judge.py --model ./mine
python recipes/muscgen-tiny/judge.py --store            measures the shipped model anew, into baseline/

The reference is 48 pieces that the recipe composes and plays with sines: the same samples everywhere.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

STORED = Path(__file__).parent / "baseline" / "muscgen-tiny.json"


def main() -> int:
    from tinysong.sines import PROMPTS, SECONDS, write

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="muscgen-tiny", help="an id or a folder")
    parser.add_argument("--out", type=Path, default=Path("out/judged"))
    parser.add_argument("--store", action="store_true", help="keep the figures as the baseline")
    given = parser.parse_args()
    reference = given.out / "reference"
    write(reference)
    words = ["--prompts", PROMPTS, "--reference", reference, "--duration", SECONDS, "--out", given.out]
    words += ["--store-baseline" if given.store else "--baseline", STORED, "--backend", "onnx"]
    command = [sys.executable, "-m", "muscgen", "evaluate", given.model, *words, "--precision", "fp32"]
    return subprocess.run([*map(str, command)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
