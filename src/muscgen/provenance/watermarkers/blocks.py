"""Marks by networks, block by block: a network hears a block and what is around it, and adds its mark to it.

So a stream and a whole song are marked alike, and a song of any length in bounded memory. Neighbouring blocks
are faded into each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from muscgen.audio import Audio
from muscgen.provenance.watermark.overlay import Floats, Overlay
from muscgen.provenance.watermarkers.base import Heard

STRETCH_S = 20.0


@dataclass(frozen=True, slots=True)
class Shape:
    """rate: in Hz. block, around, fade: samples; around: heard on either side of a block, more than fade."""

    rate: int
    block: int
    around: int
    fade: int


def clearest(audio: Audio, hear: Callable[[Audio], Heard | None]) -> Heard | None:
    """The clearest mark of all stretches of STRETCH_S, which overlap by half.

    A network tells of all the sound at once that it is given: a short marked part of something long would
    drown, and the memory that it takes has no end.
    """
    length = round(STRETCH_S * audio.sample_rate)
    last = max(0, audio.samples.shape[1] - length)
    starts = dict.fromkeys((*range(0, last, length // 2), last))
    parts = (Audio(audio.samples[:, start : start + length], audio.sample_rate) for start in starts)
    found = [
        replace(heard, start_s=start / audio.sample_rate)
        for start, part in zip(starts, parts, strict=True)
        if (heard := hear(part)) is not None
    ]
    return max(found, key=lambda heard: heard.confidence, default=None)


class Blocks(Overlay):
    """A stream whose mark is `change(samples [C, T]) -> what is added [C, T]`; a block and `around` late."""

    def __init__(
        self, shape: Shape, change: Callable[[Floats], Floats], *, sample_rate: int, channels: int
    ) -> None:
        super().__init__(shape.rate, sample_rate=sample_rate, channels=channels)
        self._shape, self._mark = shape, change
        self._low = np.zeros((channels, shape.around), np.float32)  # opens with silence
        self._fading = np.zeros((channels, 2 * shape.fade), np.float32)  # the last block's end
        self._skip = shape.fade  # of the fade in front of the first block

    def _change(self, low: Floats, *, last: bool) -> Floats:
        shape = self._shape
        rest = np.zeros((len(low), shape.block + 2 * shape.around if last else 0), np.float32)
        self._low = np.concatenate([self._low, low, rest], axis=1)
        done = []
        while self._low.shape[1] >= shape.block + 2 * shape.around:
            done.append(self._next(self._low[:, : shape.block + 2 * shape.around]))
            self._low = self._low[:, shape.block :]
        changes = np.concatenate([low[:, :0], *done], axis=1)
        skipped, self._skip = min(self._skip, changes.shape[1]), max(0, self._skip - changes.shape[1])
        return changes[:, skipped:]

    def _next(self, heard: Floats) -> Floats:
        """The changes from `fade` before the block to `fade` before its end."""
        shape = self._shape
        wide = self._mark(heard)[:, shape.around - shape.fade : -shape.around + shape.fade].copy()
        rise = np.linspace(0, 1, 2 * shape.fade, dtype=np.float32)
        wide[:, : 2 * shape.fade] = wide[:, : 2 * shape.fade] * rise + self._fading
        self._fading = np.asarray(wide[:, shape.block :] * rise[::-1], np.float32)
        return wide[:, : shape.block]
