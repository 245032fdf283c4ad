"""How loud the cells of a sound are, wherever they lie: at any beginning, tempo and pitch.

Decibels are summed up once along frequency and once along time; a cell's mean is then the difference of two
sums between its edges, which may lie anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.provenance.watermark.grid import (
    BAND_BINS,
    BANDS,
    BINS,
    CELL_FRAMES,
    FIRST_BIN,
    FRAME,
    HOP,
    RATE,
    Floats,
    at_grid_rate,
    spectra,
)

STEPS = 8  # a cell
STEP_S = CELL_FRAMES * HOP / STEPS / RATE
_STEP = CELL_FRAMES * HOP // STEPS  # samples
_INNER = 7  # steps of a cell: the last one lies mostly in the next
_FLOOR = 1e-10  # of the loudest bin
_NEAR_CELLS, _NEAR_BANDS = 2, 4  # what a cell is compared with, on each side
_CLIP_DB = 3.0
_HUSHED = 0.05  # share of an excerpt's cells that are softer than what is taken for its background
_OVER = 3.0  # a cell that is so many times louder than the background counts half
_CHUNK = 4_096  # frames


class Levels:
    """A sound's decibels every 8 ms. power: of its spectra [FRAME / 2 + 1, steps]."""

    def __init__(self, power: Floats) -> None:
        floor = 1e-16 + _FLOOR * float(power.max(initial=0.0))
        self._kept: tuple[tuple[float, int, int], Sums] | None = None
        self._power = _smooth(power[BINS].sum(axis=0))  # [steps]
        self._sums = np.zeros((len(power) + 1, power.shape[1]), np.float32)  # [bins + 1, steps]
        np.cumsum(10 * np.log10(power + np.float32(floor)), axis=0, out=self._sums[1:])

    def __len__(self) -> int:
        """Steps of 8 ms."""
        return self._sums.shape[1]

    def bands(self, pitch: float, start: int, stop: int) -> Sums:
        """Of every band, over the steps from `start` to `stop`; the last answer is kept."""
        asked = pitch, start, stop
        if self._kept is None or self._kept[0] != asked:
            self._kept = asked, self._banded(pitch, start, stop)
        return self._kept[1]

    def _banded(self, pitch: float, start: int, stop: int) -> Sums:
        edges = (FIRST_BIN - 0.5 + BAND_BINS * np.arange(BANDS + 1)) * pitch + 0.5
        at = np.floor(edges).astype(int)
        part = (edges - at).astype(np.float32)[:, None]
        rows = self._sums[:, start:stop]
        whole = rows[at] * (1 - part) + rows[at + 1] * part
        decibels = np.diff(whole, axis=0) / np.float32(BAND_BINS * pitch)
        return Sums(_summed(decibels), _summed(self._weights(start, stop)[None]))

    def _weights(self, start: int, stop: int) -> Floats:
        """What the steps say of a mark, from 0 to 1: little where little is heard over what never ends, such
        as noise that lies over rests."""
        power = self._power[start:stop]
        if not power.size:
            return power.astype(np.float32)
        background = np.quantile(power, _HUSHED)
        return (power / (power + _OVER * background + 1e-16)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Up to every step, from a first one on. decibels: [BANDS, steps + 1]. weights: [1, steps + 1]."""

    decibels: Floats
    weights: Floats


def _summed(steps: Floats) -> Floats:
    sums = np.zeros((len(steps), steps.shape[1] + 1), np.float32)
    np.cumsum(steps, axis=1, out=sums[:, 1:])
    return sums


def cells(sums: Sums, begins: NDArray[np.float64], cell: float, count: int) -> Floats:
    """Each of `count` cells against its neighbours, in dB, clipped and weighted [begins, BANDS, count].

    begins: where the first cell may begin; cell: its length; both in steps.
    """
    starts = begins[:, None] + cell * np.arange(count)
    ends = starts + cell * _INNER / STEPS
    mean, weight = (
        (_between(each, ends) - _between(each, starts)) / np.float32(cell * _INNER / STEPS)
        for each in (sums.decibels, sums.weights)
    )
    flat = _flat(_flat(mean, _NEAR_CELLS, 2), _NEAR_BANDS, 0)
    return np.moveaxis(flat.clip(-_CLIP_DB, _CLIP_DB) * weight, 1, 0)


def _smooth(power: Floats) -> NDArray[np.float64]:
    """The mean over a cell around each step."""
    at, reach = np.arange(power.size), STEPS // 2
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach, power.size)
    sums = np.append(0.0, np.cumsum(power, dtype=np.float64))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _between(sums: Floats, places: NDArray[np.float64]) -> Floats:
    """The sums up to places [...] between the steps [BANDS, ...]."""
    places = places.clip(0, sums.shape[1] - 1)
    at = np.minimum(places.astype(int), sums.shape[1] - 2)
    part = (places - at).astype(np.float32)
    between: Floats = sums.take(at, axis=1) * (1 - part) + sums.take(at + 1, axis=1) * part
    return between


def _flat(values: Floats, reach: int, axis: int) -> Floats:
    """Without the mean of each and up to `reach` on either side."""
    size = values.shape[axis]
    total = np.zeros([length + (at == axis) for at, length in enumerate(values.shape)], np.float32)
    np.cumsum(values, axis=axis, out=total[(slice(None),) * axis + (slice(1, None),)])
    at = np.arange(size)
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, size)
    width = (high - low).astype(np.float32).reshape([-1 if at == axis else 1 for at in range(values.ndim)])
    flat: Floats = values - (total.take(high, axis) - total.take(low, axis)) / width
    return flat


def views(audio: Audio) -> list[Levels]:
    """The sound with its channels' powers added up and, where there are two, what lies between them.

    What somebody puts over stereo music, such as speech, mostly lies in the middle and leaves the difference
    of the channels as it was.
    """
    channels = at_grid_rate(audio)
    count = max(0, (channels.shape[1] - FRAME) // _STEP + 1)
    stereo = len(channels) == 2
    powers = np.zeros((1 + stereo, FRAME // 2 + 1, count), np.float32)
    for first in range(0, count, _CHUNK):
        last = min(first + _CHUNK, count)
        part = channels[:, first * _STEP : (last - 1) * _STEP + FRAME]
        heard = [spectra(channel, _STEP).T for channel in part]
        powers[0, :, first:last] = sum(np.abs(channel) ** 2 for channel in heard)
        if stereo:
            powers[1, :, first:last] = np.abs(heard[0] - heard[1]) ** 2
    return [Levels(power) for power in powers]
