"""The sound files below a folder, in one order on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ENDINGS = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".w64"}
)


def sounds(root: Path) -> Iterator[str]:
    """Paths relative to the root, with slashes, none that is hidden; one folder's names are held."""
    for folder, below, names in os.walk(root, followlinks=True):
        below[:] = sorted(name for name in below if not name.startswith("."))
        place = Path(folder).relative_to(root)
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in ENDINGS:
                yield (place / name).as_posix()
