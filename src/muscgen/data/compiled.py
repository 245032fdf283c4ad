"""librosa, whose inner loops numba compiles when they are first needed, and keeps beside the library.

Two processes that keep theirs at once may take each other's for their own, and whoever reads them later dies
of it. So one process compiles, and others wait for it and read.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

RATE_HZ = 22_050  # librosa's own


@cache
def librosa() -> Any:  # noqa: ANN401  (the library)
    """The library, with all compiled that `measure` needs."""
    with _alone():
        import librosa as library

        sound = np.random.default_rng(0).standard_normal(4 * RATE_HZ).astype(np.float32)
        onsets = library.onset.onset_strength(y=sound, sr=RATE_HZ)
        library.feature.tempo(onset_envelope=onsets, sr=RATE_HZ)
        library.feature.chroma_cens(y=sound, sr=RATE_HZ)
    return library


@contextmanager
def _alone() -> Iterator[None]:
    """Among this user's processes; a dead one's lock goes with it. Where no lock can be had, without."""
    path = Path(tempfile.gettempdir()) / f"muscgen-compiles-{os.getuid()}"
    descriptor = None
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
