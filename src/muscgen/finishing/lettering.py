"""Words as coverage masks, drawn from one strip of large letters.

The letters are Aileron Regular's (Sora Sagano, CC0); scripts/letters made the strip. Averaging areas of it
gives any size, at any fraction of a pixel.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_EM = 96  # pixels of the strip
_BASELINE = 93  # row of the strip
CAP_HEIGHT = 0.69  # of an em
_UNKNOWN = "?"
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")

Mask = NDArray[np.float64]  # [rows, columns], 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class _Letters:
    """glyphs: bool [rows, columns] a letter. bearings, advances, kerning [left, right]: pixels there."""

    places: dict[str, int]
    glyphs: list[NDArray[np.bool_]]
    bearings: list[int]
    advances: list[int]
    kerning: NDArray[np.int8]


def width_px(text: str, size_px: float) -> float:
    """Of a line of text, an em being size_px."""
    letters = _set(text)
    return letters[-1][2] * size_px / _EM if letters else 0.0


def drawn(text: str, size_px: float, shift_px: float = 0.0) -> tuple[Mask, float]:
    """The line's mask, whose left edge is the pen's start less shift_px, and the row of its baseline."""
    letters, scale = _letters(), _EM / size_px
    columns = int(width_px(text, size_px) + shift_px) + 2
    rows = int(letters.glyphs[0].shape[0] / scale) + 2
    canvas = np.zeros((round(rows * scale), round(columns * scale)))
    for place, at, _ in _set(text):
        glyph = letters.glyphs[place]
        left = max(0, round(at + shift_px * scale) + letters.bearings[place])
        ink = canvas[: glyph.shape[0], left : left + glyph.shape[1]]
        np.maximum(ink, glyph[: ink.shape[0], : ink.shape[1]], out=ink)
    return _averaged(_averaged(canvas, rows).T, columns).T, _BASELINE / scale


def _set(text: str) -> list[tuple[int, int, int]]:
    """Each letter's place in the strip, where its pen starts and where it ends."""
    letters, placed, pen, before = _letters(), [], 0, None
    for char in _known(text):
        place = letters.places[char]
        if before is not None:
            pen += int(letters.kerning[before, place])
        placed.append((place, pen, pen + letters.advances[place]))
        pen += letters.advances[place]
        before = place
    return placed


def _known(text: str) -> str:
    """Letters that the strip lacks without their accents, or as question marks."""
    places = _letters().places
    return "".join(char if char in places else _plain(char) for char in text.translate(_DASHES))


def _plain(char: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", char) if c in _letters().places) or _UNKNOWN


def _averaged(rows: Mask, count: int) -> Mask:
    """`count` rows, each the mean of an equal share of the rows given, parts of rows counting as such."""
    total = np.vstack([np.zeros(rows.shape[1]), rows.cumsum(axis=0)])
    edges = np.linspace(0, rows.shape[0], count + 1)
    whole = edges.astype(np.int64).clip(0, rows.shape[0] - 1)
    sums = total[whole] + (edges - whole)[:, None] * rows[whole]
    return np.asarray(np.diff(sums, axis=0) * count / rows.shape[0])


@functools.cache
def _letters() -> _Letters:
    with np.load(Path(__file__).with_name("letters.npz"), allow_pickle=False) as kept:
        widths, packed = kept["widths"].astype(int), kept["strip"]
        strip = np.unpackbits(packed, axis=1).astype(bool)
        ends = widths.cumsum()
        return _Letters(
            {char: place for place, char in enumerate(str(kept["chars"]))},
            [strip[:, end - width : end] for end, width in zip(ends, widths, strict=True)],
            [int(bearing) for bearing in kept["bearings"]],
            [int(advance) for advance in kept["advances"]],
            kept["kerning"],
        )
