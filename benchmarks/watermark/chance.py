"""How seldom a mark is found where there is none: in unmarked excerpts, by keys that are not theirs.

Two things are measured. What `detect` itself does, with wrong keys at once and all its searches: its
alarms. And the tail of what it decides by: every place that it might read in the sum of the channels is
read, however unlikely it is, and to the highest hundredth of the likenesses a generalised Pareto distribution
is fitted (by scipy), which tells how often the threshold is passed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import genpareto

from benchmarks.watermark.material import Track, excerpt
from muscgen.audio import Audio
from muscgen.provenance.watermark import detect
from muscgen.provenance.watermark.detect import READINGS, THRESHOLD, WORTH_READING, Reading, readings
from muscgen.provenance.watermark.grid import ROUNDS
from muscgen.provenance.watermark.levels import views

EXCERPT_S = 10.0
TAIL = 0.01  # of the likenesses, by which the Pareto distribution is fitted
TARGET = 1e-6  # false alarms an excerpt
_TOGETHER = 12  # tracks, whose excerpts fit into memory


@dataclass(frozen=True, slots=True)
class Chance:
    """What was tried, what came out, and the fit.

    worth: share of pairs whose likeliest place, the sound taken as it is, would be worth reading. named:
    share of readings whose payload names the round it was read from. highest: likeness of any reading. above,
    shape, scale: of the distribution fitted. alarm_by_fit, alarm_by_hoeffding: probability of an alarm in one
    search that makes all of READINGS. threshold_by_fit: what the threshold would have to be for TARGET.
    """

    excerpts: int
    keys: int
    pairs: int
    worth: float
    readings: int
    named: float
    highest: float
    highest_named: float
    above: float
    shape: float
    scale: float
    alarm_by_fit: float
    alarm_by_hoeffding: float
    threshold_by_fit: float
    threshold: float = THRESHOLD

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Alarms:
    """Of searches by `detect`, each of an unmarked excerpt with that many wrong keys at once."""

    searches: int
    keys: int
    alarms: int


def alarms(tracks: Sequence[Track], excerpts: int, keys: int) -> Alarms:
    """excerpts: of each track; keys: wrong ones."""
    dice, secrets = np.random.default_rng(8), _wrong(keys)
    parts = (excerpt(track.audio, EXCERPT_S, dice) for track in tracks for _ in range(excerpts))
    return Alarms(excerpts * len(tracks), keys, sum(detect(part, secrets) is not None for part in parts))


def _wrong(keys: int) -> dict[str, bytes]:
    return {str(number): f"a wrong key, number {number:04}".encode() for number in range(keys)}


def measure(tracks: Sequence[Track], excerpts: int, keys: int) -> Chance:
    """excerpts: of each track; keys: wrong ones."""
    dice, secrets = np.random.default_rng(7), _wrong(keys)
    read: list[Reading] = []
    worth = 0
    for group in (tracks[first : first + _TOGETHER] for first in range(0, len(tracks), _TOGETHER)):
        parts = [excerpt(track.audio, EXCERPT_S, dice) for track in group for _ in range(excerpts)]
        heard = [views(part) for part in parts]
        for secret in secrets.values():
            for sounds in heard:
                found = list(readings(sounds[:1], {"": secret}, warped=False, worth=-math.inf))
                worth += found[0].place.likeness >= WORTH_READING
                read += found
    pairs = excerpts * len(tracks) * keys
    likeness = np.array([reading.detection.likeness for reading in read])
    named = np.array([reading.named for reading in read])
    above = float(np.quantile(likeness, 1 - TAIL))
    shape, _, scale = genpareto.fit(likeness[likeness > above] - above, floc=0)
    passing = TAIL * float(genpareto.sf(THRESHOLD - above, shape, 0, scale))
    wanted = TARGET * ROUNDS / READINGS / TAIL
    return Chance(
        excerpts * len(tracks),
        keys,
        pairs,
        worth / pairs,
        len(read),
        float(named.mean()),
        float(likeness.max()),
        float(likeness[named].max(initial=-math.inf)),
        above,
        float(shape),
        float(scale),
        READINGS / ROUNDS * passing,
        READINGS / ROUNDS * math.exp(-(THRESHOLD**2) / 2),
        above + float(genpareto.isf(wanted, shape, 0, scale)),
    )


# fmt: off
STRANGE_S = 10.0


def strange_sounds() -> dict[str, Audio]:
    """What is no music, and has deceived other detectors."""
    rate, dice = 32_000, np.random.default_rng(11)
    age = np.arange(round(STRANGE_S * rate)) / rate
    clicks = np.zeros(age.size)
    clicks[:: rate // 8] = 1.0
    grid = np.sign(np.sin(2 * np.pi * age / 0.128))  # switched at the grid's own rate
    lines = {
        "silence": np.zeros(age.size),
        "a constant": np.full(age.size, 0.5),
        "a sine": np.sin(2 * np.pi * 440 * age),
        "twenty sines": sum(np.sin(2 * np.pi * hz * age) for hz in dice.uniform(250, 7_000, 20)) / 20,
        "a sweep": np.sin(2 * np.pi * (100 * age + 350 * age**2)),
        "a square wave": np.sign(np.sin(2 * np.pi * 220 * age)),
        "clicks": clicks,
        "one click": np.where(np.arange(age.size) == age.size // 2, 1.0, 0.0),
        "white noise": 0.2 * dice.standard_normal(age.size),
        "noise switched every cell": 0.2 * grid * (1 + grid) * dice.standard_normal(age.size),
        "noise at -100 dB": 1e-5 * dice.standard_normal(age.size),
        "full scale, clipped": np.clip(50 * dice.standard_normal(age.size), -1, 1),
        "one sample again and again": np.tile(dice.standard_normal(1_000), age.size // 1_000),
    }
    return {name: Audio(np.asarray(line, np.float32)[None], rate) for name, line in lines.items()}
