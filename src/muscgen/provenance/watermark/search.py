"""Where a key's rounds may lie in a sound: the places where the sync cells are most like what is heard.

A window of 15 s is compared with each of a key's rounds at every beginning: a circular correlation by FFT
along time, summed over the bands. A sound that was played faster has shorter cells and higher bands, so it is
compared under every `Warp` that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from muscgen.provenance.watermark.grid import BANDS, CELLS, ROUND, ROUNDS, Floats, Spectra
from muscgen.provenance.watermark.levels import STEPS, Levels, cells
from muscgen.provenance.watermark.pattern import SYNC_CELLS, round_of

WINDOW = 240  # cells
_TOGETHER = 32  # columns in one product: they fit a core's cache
_FACTORS = tuple(1 + 0.001 * at for at in range(-5, 6))  # between two warps
_MOVES = (-2, -1, 0, 1, 2)  # steps between two shifts
_SYNC_SHARE = SYNC_CELLS / (CELLS * BANDS)


@dataclass(frozen=True, slots=True)
class Warp:
    """What was done to a sound: cells last 1 / tempo of what they did, bands lie at `pitch` times theirs."""

    tempo: float = 1.0
    pitch: float = 1.0


def warps(reach: float, step: float) -> tuple[Warp, ...]:
    """Faster and slower, with its pitch or without, or the pitch alone, by up to `reach`."""
    count = round(reach / step)
    factors = [1 + step * at for at in range(-count, count + 1) if at]
    slower = [Warp(tempo=factor) for factor in factors]
    # Those of one pitch stand together, for they share its bands.
    return (*slower, *(Warp(tempo, pitch) for pitch in factors for tempo in (1.0, pitch)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a round lies. begin: of a cell, in steps of the sound. cell: which of the round's it is.

    likeness: of the sync cells there, in standard deviations of chance. window: steps that were compared.
    """

    likeness: float
    key: str
    round: int
    cell: int
    begin: float
    warp: Warp
    window: tuple[int, int]


def places(
    levels: Levels, secrets: Mapping[str, bytes], window: tuple[int, int], warps: Sequence[Warp], shifts: int
) -> Iterator[Place]:
    """The likeliest place for each key, warp and shift. shifts: beginnings that are tried in a cell."""
    together = _TOGETHER // shifts
    parts = [warps[first : first + together] for first in range(0, len(warps), together)]
    heard = [_columns(levels, window, part, shifts) for part in parts]
    for key, secret in secrets.items():
        for columns in heard:
            yield from _best(key, secret, columns, window)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """What is heard under some warps and from some beginnings (steps).

    spectra: along time [ROUND / 2 + 1, BANDS, columns]. norms: of what is heard in sync's share of the cells.
    """

    warps: list[Warp]
    begins: list[float]
    spectra: Spectra
    norms: Floats


def _columns(levels: Levels, window: tuple[int, int], warps: Sequence[Warp], shifts: int) -> _Columns:
    start, stop = window
    tried: list[Warp] = []
    places: list[float] = []
    heard = np.zeros((len(warps) * shifts, BANDS, ROUND), np.float32)
    for warp in warps:
        cell = STEPS / warp.tempo
        begins = cell / shifts * np.arange(shifts, dtype=np.float64)
        count = min(int((stop - start) / cell - 1), WINDOW)
        at = len(tried)
        heard[at : at + shifts, :, :count] = cells(levels.bands(warp.pitch, start, stop), begins, cell, count)
        tried.extend([warp] * shifts)
        places.extend((start + begins).tolist())
    norms = np.sqrt((heard**2).sum(axis=(1, 2)) * np.float32(_SYNC_SHARE)) + np.float32(1e-9)
    spectra = np.ascontiguousarray(np.fft.rfft(heard, axis=2).transpose(2, 1, 0), np.complex64)
    return _Columns(tried, places, spectra, norms)


def _best(key: str, secret: bytes, columns: _Columns, window: tuple[int, int]) -> Iterator[Place]:
    product = _known(secret) @ columns.spectra  # [ROUND / 2 + 1, ROUNDS, columns]
    totals = np.fft.irfft(np.ascontiguousarray(product.transpose(2, 1, 0)), n=ROUND)
    for column, total in enumerate(totals):
        number, late = divmod(int(total.argmax()), ROUND)
        likeness = float(total[number, late] / columns.norms[column])
        begin, warp = columns.begins[column], columns.warps[column]
        yield Place(likeness, key, number, -late % ROUND, begin, warp, window)


@lru_cache(12)  # of 9 MB
def _known(secret: bytes) -> NDArray[np.complex64]:
    """The transforms of a key's sync cells, conjugate [bins, ROUNDS, BANDS]."""
    sync = np.stack([round_of(secret, number).sync.T for number in range(ROUNDS)])
    return np.ascontiguousarray(np.conj(np.fft.rfft(sync)).transpose(2, 0, 1))


def heard_at(levels: Levels, place: Place, span: tuple[int, int]) -> Floats:
    """The cells that lie in the span (steps), added up over the rounds it holds [ROUND, BANDS]."""
    cell = STEPS / place.warp.tempo
    before = int((place.begin - span[0]) / cell)  # whole cells of the span before the place
    begin = place.begin - before * cell - span[0]
    count = max(0, int((span[1] - span[0] - begin) / cell))
    sums = levels.bands(place.warp.pitch, *span)
    heard = cells(sums, np.array([begin]), cell, count)[0].T
    folded = np.zeros((ROUND, BANDS), np.float32)
    for start in range(0, count, ROUND):
        part = heard[start : start + ROUND]
        folded[: len(part)] += part
    return np.roll(folded, place.cell - before, axis=0)


def refined(levels: Levels, secret: bytes, place: Place, span: tuple[int, int]) -> Place:
    """The place near by where the sync cells are likest in the span: its warp is moved, then its begin."""
    sync = round_of(secret, place.round).sync

    def tried(at: Place) -> Place:
        heard = heard_at(levels, at, span)
        return replace(at, likeness=float((heard * sync).sum() / (np.linalg.norm(heard[sync != 0]) + 1e-9)))

    def nearest(places: Iterable[Place]) -> Place:
        return max(map(tried, places), key=lambda at: at.likeness)

    warped = nearest(_moved(place, factor, 0) for factor in _FACTORS)
    return nearest(_moved(warped, 1, steps) for steps in _MOVES)


def _moved(place: Place, factor: float, steps: float) -> Place:
    """Its middle stays where it is, but for the steps; the warp changes by the factor where there is one."""
    old = place.warp
    warp = Warp(old.tempo * factor if old.tempo != 1 else 1, old.pitch * factor if old.pitch != 1 else 1)
    middle = sum(place.window) / 2
    begin = middle + (place.begin - middle) * old.tempo / warp.tempo + steps
    return replace(place, warp=warp, begin=begin)
