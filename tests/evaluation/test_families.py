"""What the small net names."""

import numpy as np

from muscgen.audio import Audio
from muscgen.evaluation import families

RATE = 16_000
TIME = np.arange(6 * RATE) / RATE


def sounding(wave):
    return families.sounding(families.chances(Audio(wave[None].astype(np.float32), RATE)))


def test_hits_of_noise_are_drums_and_a_held_tone_is_none():
    noise = np.random.default_rng(0).normal(0, 0.2, TIME.size)
    hits = noise * np.exp(-25 * (TIME % 0.25)) + 0.3 * np.sin(2 * np.pi * 60 * TIME) * np.exp(
        -12 * (TIME % 0.5)
    )
    held = 0.1 * sum(np.sin(2 * np.pi * 220 * n * TIME) / n for n in range(1, 8))
    assert "drums" in sounding(hits)
    assert "drums" not in sounding(held)


def test_low_plucked_notes_are_a_bass_and_high_ones_are_none():
    def plucked(hz):
        return sum(np.sin(2 * np.pi * hz * n * TIME) / n**2 for n in range(1, 6)) * np.exp(-3 * (TIME % 0.5))

    assert "bass" in sounding(plucked(55.0))
    assert "bass" not in sounding(plucked(880.0))


def test_silence_has_chances_too():
    found = families.chances(Audio(np.zeros((1, RATE), np.float32), RATE))
    assert set(found) == set(families.FAMILIES)
    assert all(np.isfinite(list(found.values())))
