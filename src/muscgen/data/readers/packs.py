"""Packs: many songs that are given as codes, in two files. The music is what a codec's decoder makes of them.

NAME.codes.npz  books: the revision of the codebooks (`books_revision`, backends/listening.py), a text
                codes: whole numbers [K, all frames], song after song
                starts: the first frame of each song
NAME.jsonl      a line of fields a song, in the same order (said.py)
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ENDING = ".codes.npz"
MOST_BYTES = 500_000_000  # unpacked
_HELD = 2  # packs; songs are read in their order
_ARRAYS = ("books", "codes", "starts")


class NotAPack(ValueError):  # noqa: N818  (what the file is)
    """The words say why."""


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """books: a revision. codes [K, all frames]. spans: first frame and frames of each song."""

    books: str
    codes: NDArray[np.integer]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Song:
    """One song of a pack. dtype: of the codes as they are kept."""

    file: Path
    span: tuple[int, int]
    dtype: str = "<i2"

    def codes(self) -> NDArray[np.integer]:
        """[K, F], of the pack's own type. Raises NotAPack, OSError."""
        first, frames = self.span
        return opened(self.file).codes[:, first : first + frames]

    def read_bytes(self) -> bytes:
        """As <id>.codes.npy holds them. Raises NotAPack, OSError."""
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(self.codes(), self.dtype), allow_pickle=False)
        return file.getvalue()


def opened(file: Path) -> Pack:
    """The pack; the last ones are held. Raises NotAPack, OSError."""
    status = file.stat()
    return _opened(file, status.st_size, status.st_mtime_ns)


@lru_cache(_HELD)
def _opened(file: Path, size: int, changed: int) -> Pack:
    del size, changed  # by which another content is another pack
    try:
        books, codes, starts = _arrays(file)
    except OSError:
        raise
    except Exception as error:  # nobody knows what a damaged file makes of numpy
        raise NotAPack(f"it holds no {', '.join(_ARRAYS)}: {error}") from error
    if codes.ndim != 2 or not np.issubdtype(codes.dtype, np.integer):
        raise NotAPack(f"its codes are {codes.dtype} of shape {codes.shape}, not whole numbers [K, F]")
    if starts.ndim != 1 or not np.issubdtype(starts.dtype, np.integer):
        raise NotAPack(f"its starts are {starts.dtype} of shape {starts.shape}, not whole numbers [songs]")
    edges = [*starts.tolist(), codes.shape[1]]
    if any(one > then for one, then in pairwise(edges)) or edges[0] != 0:
        raise NotAPack(f"its starts do not ascend from 0 to its {codes.shape[1]} frames")
    return Pack(str(books), codes, tuple((one, then - one) for one, then in pairwise(edges)))


def _arrays(file: Path) -> tuple[NDArray[np.str_], NDArray[np.integer], NDArray[np.integer]]:
    """Raises NotAPack for what would not fit into memory, and numpy's own errors."""
    with zipfile.ZipFile(file) as parts:
        size = sum(part.file_size for part in parts.infolist())
    if size > MOST_BYTES:
        raise NotAPack(f"it unpacks to {size} bytes; {MOST_BYTES} are allowed")
    with np.load(file, allow_pickle=False) as found:
        return found["books"], found["codes"], found["starts"]
