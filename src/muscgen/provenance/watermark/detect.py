"""Finding a watermark again: blind, in any excerpt of some seconds.

First the places are sought where a round most likely lies (search.py): as the sound is and, if that is
in vain, as if it had been played faster or slower. There the payload is read, and from key and payload
follow the signs of the sealed cells, which nothing before has looked at. How like they are to what is heard
is the `likeness`.

False alarms: to a sound without a mark, whatever it is, the seal's signs are dice. By Hoeffding's
inequality a sum of numbers with random signs passes t times the root of the sum of their squares with a
probability of at most exp(-t² / 2), and in one of 64 cases the payload names the round that it was read
from. At most READINGS are made, over all keys, places and warps together. So no sound of any kind gives a
false alarm with more than

    READINGS / ROUNDS exp(-THRESHOLD² / 2) = 5e-7.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from muscgen.audio import Audio
from muscgen.provenance.watermark import code
from muscgen.provenance.watermark.grid import ROUNDS
from muscgen.provenance.watermark.levels import STEP_S, STEPS, Levels, views
from muscgen.provenance.watermark.pattern import begins, round_of, seal
from muscgen.provenance.watermark.payload import Payload
from muscgen.provenance.watermark.search import WINDOW, Place, Warp, heard_at, places, refined, warps

THRESHOLD = 5.25  # of the likeness, in standard deviations
MIN_S = 2.0  # less is not looked at
WARPS = warps(reach=0.06, step=0.01)
WORTH_READING = 4.5  # likeness of the sync cells: the best of what chance makes of one sound is about as high
_AROUND_S = 15.0  # on each side of a window's middle


@dataclass(frozen=True, slots=True)
class _Search:
    """warps: under which to look. shifts: beginnings in a cell. stride: cells between windows, at most.

    count: places to be read.
    """

    warps: tuple[Warp, ...]
    shifts: int
    stride: int
    count: int


_AS_IS = _Search((Warp(),), shifts=8, stride=WINDOW // 2, count=4)
_WARPED = _Search(WARPS, shifts=2, stride=WINDOW, count=8)
# As it is in two views, and warped; of what lies around a window, and of the window.
READINGS = 2 * (2 * _AS_IS.count + _WARPED.count)


@dataclass(frozen=True, slots=True)
class Detection:
    """A watermark that was found.

    key: the name of the key that found it. likeness: of the seal, in standard deviations of chance.
    start_s: where the excerpt begins in which it was found. bit_errors: share of the symbols that were heard
    wrong, before correction. tempo, pitch: what the sound is played at; 1 is as it was made.
    """

    key: str
    payload: Payload
    likeness: float
    bit_errors: float
    start_s: float
    tempo: float = 1.0
    pitch: float = 1.0

    @property
    def chance(self) -> float:
        """Of any sound without this mark to be taken for one with it: at most this."""
        return min(1.0, READINGS / ROUNDS * math.exp(-(max(self.likeness, 0.0) ** 2) / 2))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read at a place. named: the payload names the round that it was read from."""

    detection: Detection
    place: Place
    named: bool

    @property
    def passes(self) -> bool:
        return self.named and self.detection.likeness >= THRESHOLD


def detect(audio: Audio, secrets: Mapping[str, bytes], *, warped: bool = True) -> Detection | None:
    """The mark of one of the keys (name -> secret) in the sound; None if there is none.

    warped: also look for what was played faster or slower, or at another pitch, which takes longer.
    """
    heard = views(audio)
    if len(heard[0]) * STEP_S < MIN_S:
        return None
    found = readings(heard, secrets, warped=warped)
    return next((reading.detection for reading in found if reading.passes), None)


def readings(
    heard: Sequence[Levels],
    secrets: Mapping[str, bytes],
    *,
    warped: bool = True,
    worth: float = WORTH_READING,
) -> Iterator[Reading]:
    """What is read at the likeliest places, as long as it is asked for; most of it is chance.

    heard: the sound's views. worth: the likeness of the sync cells from which on a place is read.
    """
    searches = [(levels, _AS_IS) for levels in heard] + [(heard[0], _WARPED)] * warped
    for levels, search in searches:
        found = (
            place
            for window in _windows(len(levels), search.stride)
            for place in places(levels, secrets, window, search.warps, search.shifts)
        )
        for place in heapq.nlargest(search.count, found, key=lambda place: place.likeness):
            if place.likeness >= worth:
                yield from _read(levels, secrets[place.key], place)


def _windows(steps: int, stride: int) -> list[tuple[int, int]]:
    """Of WINDOW cells and a shift, evenly over the sound."""
    length = (WINDOW + 1) * STEPS
    count = 1 + max(0, math.ceil((steps - length) / (stride * STEPS)))
    starts = [round(at) for at in np.linspace(0, max(0, steps - length), count)]
    return [(start, min(start + length, steps)) for start in starts]


def _read(levels: Levels, secret: bytes, place: Place) -> Iterator[Reading]:
    middle, reach = sum(place.window) // 2, round(_AROUND_S / STEP_S)
    around = max(0, middle - reach), min(len(levels), middle + reach)
    for span in dict.fromkeys((around, place.window)):
        near = place if place.warp == Warp() else refined(levels, secret, place, span)
        yield _payload_at(levels, secret, near, span)


def _payload_at(levels: Levels, secret: bytes, place: Place, span: tuple[int, int]) -> Reading:
    plan, heard = round_of(secret, place.round), heard_at(levels, place, span)
    symbols = plan.soft_symbols(heard)
    payload = code.decode(symbols)
    errors = float(np.mean(np.sign(symbols) != code.encode(payload)))
    ours, signs = heard[plan.sealed], seal(secret, payload)[plan.sealed]
    likeness = float(ours @ signs / (np.linalg.norm(ours) + 1e-9))
    says, warp = Payload.from_bytes(payload), place.warp
    found = Detection(place.key, says, likeness, errors, span[0] * STEP_S, warp.tempo, warp.pitch)
    return Reading(found, place, begins(secret, payload)[0] == place.round)
