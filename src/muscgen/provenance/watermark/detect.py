"""Finding a watermark again: blind, in any excerpt of some seconds.

The loudness of every cell (in dB, against the cells around it) is folded over the period and compared with
the key's known cells at every place where the period could begin. Where the likeness stands out, the payload
is read, and its checksum says whether it was there.

False alarms: without a mark the likeness z is normal (a sum over 1,152 cells), and the best of 512 places
passes THRESHOLD in about 1 of 600 excerpts; the checksum lets 1 of 65,536 of those pass, for each of the
places that are read. docs/trust.md has the measured tails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.provenance.watermark import code
from muscgen.provenance.watermark.grid import (
    BAND_BINS,
    BANDS,
    BINS,
    CELL_FRAMES,
    CELLS,
    FRAME,
    HOP,
    RATE,
    Cells,
    Pattern,
    at_grid_rate,
    pattern,
    spectra,
)
from muscgen.provenance.watermark.payload import Payload

THRESHOLD = 4.5  # of the likeness, in standard deviations
MIN_S = 3.0  # less is not looked at
_SHIFTS = 8  # places a cell's beginning is sought at: every 8 ms
_READ = 4  # places whose payload is read
_NEAR_CELLS, _NEAR_BANDS = 3, 5  # what a cell is compared with, on each side
_CLIP_DB = 6.0
_FLOOR = 1e-7  # of the loudest bin
_EXCERPT_S, _STRIDE_S = 20.5, 10.0

Levels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detection:
    """A watermark that was found.

    key: the name of the key that found it. likeness: of the known cells, in standard deviations of chance.
    start_s: where the excerpt begins in which it was found; 0 for the sound as a whole. bit_errors: share of
    the symbols that were heard wrong, before correction.
    """

    key: str
    payload: Payload
    likeness: float
    bit_errors: float
    start_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What was found at one place: the likeness there, and the folded cells from the period's first on."""

    likeness: float
    cells: Cells


def detect(audio: Audio, secrets: Mapping[str, bytes]) -> Detection | None:
    """The clearest mark of any of the keys (name -> secret) in the sound; None if there is none.

    Looked for in the sound as a whole and in excerpts of 20 s: a file may hold a song only in part.
    """
    levels = levels_of(audio)
    found = [
        detection
        for start, stop in _excerpts(len(levels))
        for name, secret in secrets.items()
        if (detection := _in_excerpt(levels, start, stop, name, secret)) is not None
    ]
    return max(found, key=lambda detection: detection.likeness, default=None)


def likeness(audio: Audio, secret: bytes) -> float:
    """The largest likeness of the whole sound: what the threshold is compared with."""
    return likeness_in(levels_of(audio), secret)


def likeness_in(levels: Levels, secret: bytes) -> float:
    """The same, of a sound's levels."""
    places = _places(levels, pattern(secret), 1)
    return places[0].likeness if places else 0.0


def levels_of(audio: Audio) -> Levels:
    """Decibels of every band, every 8 ms [frames, BANDS]; the channels' powers are added up."""
    step = CELL_FRAMES * HOP // _SHIFTS
    channels = [
        np.abs(spectra(channel, step)[:, BINS]).astype(np.float64) ** 2 for channel in at_grid_rate(audio)
    ]
    power: Levels = np.sum(channels, axis=0).reshape(-1, BANDS, BAND_BINS)
    floor = 1e-12 + _FLOOR * power.max(initial=0.0)
    decibels: Levels = (10 * np.log10(power + floor)).mean(axis=2)
    return decibels


_STEP_S = CELL_FRAMES * HOP / _SHIFTS / RATE


def _excerpts(frames: int) -> list[tuple[int, int]]:
    if frames * _STEP_S < MIN_S:
        return []
    length, stride = round(_EXCERPT_S / _STEP_S), round(_STRIDE_S / _STEP_S)
    parts = [(start, start + length) for start in range(0, max(frames - length // 2, 0), stride)]
    return [(0, frames), *(parts if frames > length else [])]


def _in_excerpt(levels: Levels, start: int, stop: int, name: str, secret: bytes) -> Detection | None:
    plan = pattern(secret)
    for heard in _places(levels[start:stop], plan, _READ):
        if heard.likeness < THRESHOLD:
            return None
        symbols = plan.soft_symbols(heard.cells)
        if (payload := code.decode(symbols)) is not None:
            errors = float(np.mean(np.sign(symbols) != code.encode(payload)))
            return Detection(name, Payload.from_bytes(payload), heard.likeness, errors, start * _STEP_S)
    return None


def _places(levels: Levels, plan: Pattern, count: int) -> list[Heard]:
    """The `count` places where the period most likely begins, the likeliest first."""
    if len(levels) < CELLS * _SHIFTS // 2:
        return []
    known = np.conj(np.fft.fft(plan.sync, axis=0))
    weight = np.sqrt(np.count_nonzero(plan.sync))
    folds, scores = [], []
    for shift in range(_SHIFTS):
        fold = _folded(_cells(levels, shift))
        matches = np.fft.ifft(np.fft.fft(fold, axis=0) * known, axis=0).real.sum(axis=1)
        folds.append(fold)
        scores.append(matches / (fold.std() * weight + 1e-12))
    ranking = np.argsort(np.array(scores), axis=None)[::-1][:count]
    return [
        Heard(float(scores[at // CELLS][at % CELLS]), np.roll(folds[at // CELLS], -(at % CELLS), axis=0))
        for at in ranking.tolist()
    ]


def _cells(levels: Levels, shift: int) -> Levels:
    """Each cell against its neighbours [cells, BANDS]; the cells' first begins at frame `shift`."""
    count = (len(levels) - shift) // _SHIFTS
    cells = levels[shift : shift + count * _SHIFTS].reshape(count, _SHIFTS, BANDS)
    # The last frame of a cell lies mostly in the next one.
    inner = cells[:, : _SHIFTS - FRAME // (2 * HOP)].mean(axis=1)
    flat = inner - _local_mean(inner, _NEAR_CELLS)
    flat = flat - _local_mean(flat.T, _NEAR_BANDS).T
    clipped: Levels = flat.clip(-_CLIP_DB, _CLIP_DB)
    return clipped


def _local_mean(values: Levels, reach: int) -> Levels:
    """Of each row and up to `reach` on either side."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    at = np.arange(len(values))
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(values))
    mean: Levels = (sums[high] - sums[low]) / (high - low)[:, None]
    return mean


def _folded(cells: Levels) -> Cells:
    periods = -(-len(cells) // CELLS)
    padded = np.zeros((periods * CELLS, BANDS))
    padded[: len(cells)] = cells
    folded: Cells = padded.reshape(periods, CELLS, BANDS).sum(axis=0)
    return folded
