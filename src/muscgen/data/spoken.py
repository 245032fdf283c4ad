"""Codes that lie beside a sound, as `<name>.codes.npz`: what it was made of is known, and need not be heard.

books    the revision of the codebooks that they are of (`books_revision`, backends/listening.py), a text
codes    whole numbers [K, F], a column a frame of the sound
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import ModelShape

ENDING = ".codes.npz"
MOST_BYTES = 64_000_000


class NotSpoken(ValueError):  # noqa: N818  (what the file is)
    """The file is no codes, or not this sound's; the words say why."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """books: a revision. codes [K, F]."""

    books: str
    codes: NDArray[np.integer]


def beside(path: Path) -> Path:
    return path.with_name(path.stem + ENDING)


def digest(path: Path) -> str:
    """SHA-256 of the codes' file beside a sound, hex; empty where there is none."""
    try:
        with beside(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def read(path: Path) -> Spoken:
    """The codes beside a sound. Raises NotSpoken, OSError."""
    found = beside(path)
    if found.stat().st_size > MOST_BYTES:
        raise NotSpoken(f"it has more than {MOST_BYTES} bytes")
    content = found.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            books, codes = str(file["books"]), file["codes"]
    except Exception as error:  # nobody knows what a damaged file makes of numpy
        raise NotSpoken(f"it holds no `books` and `codes`: {error}") from error
    if codes.ndim != 2 or not np.issubdtype(codes.dtype, np.integer):
        raise NotSpoken(f"its codes are {codes.dtype} of shape {codes.shape}, not whole numbers [K, F]")
    return Spoken(books, codes)


def check(codes: NDArray[np.integer], shape: ModelShape, frames: int) -> None:
    """Raises NotSpoken for codes that this codec cannot have made so many frames of."""
    if codes.shape != (shape.codebooks, frames):
        raise NotSpoken(f"its codes are {codes.shape}; the sound has {(shape.codebooks, frames)}")
    if codes.size and not (codes.min() >= 0 and codes.max() < shape.vocabulary):
        raise NotSpoken(f"its codes are not all from 0 to {shape.vocabulary - 1}")
