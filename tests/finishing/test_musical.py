"""Tempo and key, heard in sounds whose tempo and key are known."""

from __future__ import annotations

import numpy as np
import pytest

from muscgen.audio import Audio
from muscgen.finishing.musical import LONGEST_S, SHORTEST_S, heard
from tests.finishing.sounds import noise, scaled, sine

RATE = 32_000
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def chords(key: int, kind: tuple[int, ...], bpm: float = 100.0, seconds: float = 16.0, channels: int = 1):
    """Tonic, subdominant, dominant, tonic: a chord struck on each beat, four partials a tone."""
    t = np.arange(round(seconds * RATE)) / RATE
    beat = 60 / bpm
    count = np.floor(t / beat).astype(int)
    root = np.asarray([0, 5, 7, 0])[(count // 4) % 4]
    third = np.where(root == 7, 4, kind[1])  # the dominant is major in minor keys too
    wave = np.zeros_like(t)
    for step in (0 * third, third, 0 * third + kind[2]):
        hz = 440 * 2 ** ((48 + key + root + step - 69) / 12)
        phase = 2 * np.pi * np.cumsum(hz) / RATE
        wave += sum(np.sin(n * phase) / n for n in range(1, 5))
    wave *= 0.1 * np.exp(-4 * (t % beat))
    return Audio(np.tile(wave.astype(np.float32), (channels, 1)), RATE)


@pytest.mark.parametrize("bpm", [68.0, 83.3, 100.0, 125.0, 150.0])
def test_beats_are_counted(bpm):
    assert heard(chords(0, MAJOR, bpm))[0] == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("key", range(12))
@pytest.mark.parametrize(("kind", "name"), [(MAJOR, "major"), (MINOR, "minor")])
def test_every_key_is_told_from_the_others(key, kind, name):
    names = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
    assert heard(chords(key, kind))[1] == f"{names[key]} {name}"


@pytest.mark.parametrize("gain_db", [-40, -20, 0])
def test_the_level_changes_nothing(gain_db):
    loud = chords(3, MINOR, 125)
    assert heard(scaled(loud, 10 ** (gain_db / 20))) == heard(loud)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_and_channels_are_heard_alike(rate):
    import soxr

    song = chords(9, MINOR, 125, channels=2)
    other = soxr.resample(song.samples.T, RATE, rate).T.astype(np.float32)
    bpm, key = heard(Audio(np.ascontiguousarray(other), rate))
    assert (bpm, key) == (pytest.approx(125, rel=0.01), "A minor")


@pytest.mark.parametrize(
    "sound",
    [noise(seconds=10), sine(440, seconds=10), scaled(noise(seconds=10), 0.0)],
    ids=["noise", "a tone", "silence"],
)
def test_what_has_no_pulse_and_no_key_is_given_none(sound):
    assert heard(sound) == (None, None)


def test_a_few_seconds_are_too_little():
    assert heard(chords(0, MAJOR, seconds=SHORTEST_S - 0.1)) == (None, None)


def test_of_a_long_song_the_beginning_is_heard():
    first, then = chords(0, MAJOR, 100, seconds=LONGEST_S), chords(6, MINOR, 150, seconds=60)
    both = Audio(np.concatenate([first.samples, then.samples], axis=1), RATE)
    assert heard(both) == heard(first)
