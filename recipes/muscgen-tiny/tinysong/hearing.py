"""Whether a piece's opening tells its key and its tempo, by its notes, as `muscgen evaluate` hears both.

key     notes and overtones against the profiles of Albrecht and Shanahan (2013): Krumhansl's algorithm.
tempo   what begins in each sixteenth is compared with itself after a while: a beat is the time after which it
        is most like itself, and again after two, three and four of them; times near 110 bpm are likelier.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muscgen.finishing.musical import key_profiles
from tinysong import meaning
from tinysong.score import Score

_OPENING_S = 10.0
_KEY_MARGIN, _TEMPO_MARGIN, _HALF_MARGIN = 0.02, 0.08, 0.04  # before the next one; half the tempo
_OVERTONES = ((0, 1.0), (7, 0.12), (4, 0.04))  # the third and the fifth: semitones above, energy
_POWER = 0.25  # of energies, so that loud notes do not outvote the others
# How much a beginning is heard, as fitted to those 72 pieces.
_BEGINS = {"lead": 1.0, "bass": 1.0, "harmony": 1.6}
_STRUCK = {"K": 3.2, "S": 3.2, "H": 1.6, "KH": 4.0, "SH": 4.0, "X": 4.4, "P": 2.8}
_BLOWN = frozenset({"strings", "synth pad", "choir", "violin", "cello", "flute", "clarinet"})
_SOFTLY = 0.4  # of what is bowed or blown
_BEAT, _LAGS, _BEATS = 4, np.arange(2, 17), np.arange(1, 5)  # sixteenths
_SLOWEST_BPM, _FASTEST_BPM, _LIKELIEST_BPM, _OCTAVES = 50.0, 210.0, 110.0, 0.9
Floats = NDArray[np.float64]


def tells_key(score: Score) -> bool:
    """The key's profile is nearest, and no other is as near."""
    likeness = key_profiles() @ _strengths(score)
    own = score.key + 12 * score.minor
    return bool(likeness[own] > np.delete(likeness, own).max() + _KEY_MARGIN)


def tells_tempo(score: Score) -> bool:
    """Of all numbers of sixteenths, four are most like a beat."""
    return pulse_lead(score) > 0


def pulse_lead(score: Score) -> float:
    """By how much four sixteenths are more like a beat than any other number; below 0 they are too little."""
    rises = _rises(score)
    count = len(rises)
    alike = np.correlate(rises, rises, "full")[count - 1 :] * count / np.arange(count, 0, -1)
    alike = alike[: count * 3 // 4] / max(alike[0], 1e-9)
    pulse = np.interp(np.outer(_LAGS, _BEATS), np.arange(len(alike)), alike, right=0.0).mean(axis=1)
    bpm = score.tempo_bpm * _BEAT / _LAGS
    heard = (bpm >= _SLOWEST_BPM) & (bpm <= _FASTEST_BPM)
    likely = np.exp(-0.5 * (np.log2(bpm / _LIKELIEST_BPM) / _OCTAVES) ** 2) * heard
    found = pulse * likely
    margins = np.where(_LAGS == 2 * _BEAT, _HALF_MARGIN, _TEMPO_MARGIN)
    others = (found + margins)[_LAGS != _BEAT]
    return float(found[_LAGS == _BEAT][0] - others.max())


def _opening(score: Score) -> int:
    """In sixteenths."""
    return min(score.length, round(_OPENING_S * meaning.FRAMES_S / score.sixteenth))


def _strengths(score: Score) -> Floats:
    """Of the 12 pitch classes in the opening, around their mean."""
    slots = _opening(score)
    energies = np.zeros((12, slots))
    for note in score.notes:
        if note.start < slots:
            for pitch in score.pitches(note):
                energies[pitch % 12, note.start : note.start + note.length] += 1.0
    heard = sum(weight * np.roll(energies, above, axis=0) for above, weight in _OVERTONES)
    found = (np.asarray(heard) ** _POWER).sum(axis=1)
    return np.asarray(found - found.mean())


def _rises(score: Score) -> Floats:
    """What begins in each sixteenth of the opening, around its mean."""
    slots = _opening(score)
    found = np.zeros(score.length)
    names = {"lead": score.lead, "bass": score.bass, "harmony": score.harmony}
    weights = {part: _BEGINS[part] * (_SOFTLY if name in _BLOWN else 1.0) for part, name in names.items()}
    for note in score.notes:
        found[note.start] += weights[note.part]
    for hit in score.hits:
        found[hit.start] += _STRUCK[hit.hit]
    return found[:slots] - found[:slots].mean()
