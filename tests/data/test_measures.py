"""What is measured of a sound, and what is not fit to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from muscgen.audio import Audio
from muscgen.data.ledger import Reason
from muscgen.data.measure import key_of, measure, tempo_bpm, unfit

RATE = 22_050


def clicks(bpm: float, seconds: float = 15.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    sound = 0.003 * rng.standard_normal(round(seconds * RATE))
    for beat in range(int(seconds * bpm / 60)):
        start = int(beat * 60 / bpm * RATE)
        count = min(2_000, len(sound) - start)
        sound[start : start + count] += np.exp(-np.arange(count) / 300) * rng.standard_normal(count) * 0.5
    return sound.astype(np.float32)


def chords(root: int, mode: str, seconds: float = 12.0) -> np.ndarray:
    """I IV V I with triads of sines."""
    third = {"major": 4, "minor": 3}[mode]
    progression = [(0, third), (5, third), (7, 4), (0, third)]
    time = np.arange(round(seconds * RATE / 4)) / RATE
    parts = []
    for degree, middle in progression:
        notes = [root + degree, root + degree + middle, root + degree + 7]
        parts.append(sum(np.sin(2 * np.pi * 261.63 * 2 ** (note / 12) * time) for note in notes) / 6)
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("bpm", [72, 97, 128, 155])
def test_the_tempo_of_beats(bpm):
    assert tempo_bpm(clicks(bpm)) == pytest.approx(bpm, abs=1)


def test_noise_has_no_tempo():
    noise = np.random.default_rng(0).standard_normal(RATE * 10).astype(np.float32)
    assert tempo_bpm(noise * 0.1) is None
    assert tempo_bpm(np.zeros(RATE * 10, np.float32)) is None


@pytest.mark.parametrize(
    ("root", "mode", "name"), [(0, "major", "C major"), (9, "minor", "A minor"), (-2, "major", "Bb major")]
)
def test_the_key_of_chords(root, mode, name):
    assert key_of(chords(root, mode)) == name


def test_noise_has_no_key():
    noise = np.random.default_rng(0).standard_normal(RATE * 8).astype(np.float32)
    assert key_of(noise * 0.1) == ""


def test_measures_of_a_sound():
    found = measure(Audio(chords(0, "major")[None], RATE), notes=True)
    assert found.duration_s == 12.0
    assert found.loudness_lufs == pytest.approx(10 * np.log10(3 / 72) - 0.691, abs=0.3)  # three sines of 1/6
    assert -9 < found.true_peak_db <= 0
    assert (found.silence_share, found.clipped_share, found.tempo_bpm, found.key) == (0, 0, None, "")


@pytest.mark.parametrize(
    ("samples", "expected_s", "reason"),
    [
        (chords(0, "major"), 12.0, None),
        (chords(0, "major"), None, None),
        (chords(0, "major"), 30.0, Reason.WRONG_DURATION),
        (chords(0, "major")[: RATE // 2], None, Reason.TOO_SHORT),
        (np.zeros(RATE * 3, np.float32), None, Reason.SILENT),
        (np.full(RATE * 3, 0.5, np.float32), None, Reason.SILENT),  # a constant is no sound
        (np.concatenate([chords(0, "major")[:RATE], np.zeros(30 * RATE, np.float32)]), None, Reason.SILENT),
        ((chords(0, "major") * 20).clip(-1, 1), None, Reason.CLIPPED),
    ],
)
def test_what_is_fit_to_learn_from(samples, expected_s, reason):
    fault = unfit(Audio(samples[None], RATE), expected_s)
    assert (fault and fault[0]) == reason
