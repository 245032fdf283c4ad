"""`python -m pages.picture`: the picture of the README, which is what `make demo` leaves beside its song."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from pages.written import ROOT

PICTURE = ROOT / "docs" / "images" / "song.png"
COLOURS = 48  # a palette takes less than half of the bytes, and the eye finds no difference


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["make", "--no-print-directory", "demo", f"OUT={folder}"], cwd=ROOT, check=True)
        [made] = Path(folder).glob("*.png")
        with Image.open(made) as picture:
            picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                PICTURE, optimize=True
            )
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
