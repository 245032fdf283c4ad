"""Melodies as pitch classes, judged by transformers' filter bank and by scales whose notes are known."""

from __future__ import annotations

import numpy as np
import pytest

from muscgen.audio import Audio
from muscgen.backends.base import MelodyShape
from muscgen.backends.chroma import chroma_of, filter_bank, melody_of

PUBLISHED = MelodyShape(frames=235, bins=12, sample_rate=32_000, n_fft=16_384, hop=4_096)
NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


def notes(names, seconds_each=1.0, rate=32_000, octave=4):
    """Tones with four partials, one after the other."""
    time = np.arange(round(seconds_each * rate)) / rate
    tones = []
    for name in names:
        hz = 440 * 2 ** ((NAMES.index(name) - 9) / 12 + octave - 4)
        tones.append(sum(np.sin(2 * np.pi * hz * k * time) / k**2 for k in range(1, 5)))
    return Audio(np.concatenate(tones).astype(np.float32)[None] * 0.3, rate)


def heard(melody):
    return [NAMES[at] for at in melody.argmax(axis=1)]


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [PUBLISHED, MelodyShape(19, 12, 32_000, 2_048, 1_024)])
def test_the_filter_bank_is_that_of_transformers(shape):
    from transformers.audio_utils import chroma_filter_bank

    theirs = chroma_filter_bank(
        num_frequency_bins=shape.n_fft, num_chroma=12, sampling_rate=shape.sample_rate, tuning=0
    )
    np.testing.assert_allclose(filter_bank(shape), theirs, atol=1e-12)


@pytest.mark.oracle
def test_energies_are_those_of_a_centred_power_spectrogram(rng):
    import torch

    samples = rng.standard_normal(70_000)
    window = torch.hann_window(PUBLISHED.n_fft, dtype=torch.float64)
    spectrum = torch.stft(
        torch.from_numpy(samples), PUBLISHED.n_fft, PUBLISHED.hop, window=window, return_complex=True
    )
    theirs = (filter_bank(PUBLISHED) @ spectrum.abs().square().numpy()).T
    np.testing.assert_allclose(chroma_of(samples, PUBLISHED), theirs, rtol=1e-9)


@pytest.mark.parametrize("octave", [3, 4, 5])
@pytest.mark.parametrize("name", NAMES)
def test_a_note_is_heard_as_itself_in_every_octave(name, octave):
    assert set(heard(melody_of(notes([name], octave=octave), PUBLISHED))) == {name}


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_tune_is_heard_at_every_rate(rate):
    tune = ["C", "E", "G", "A"]
    melody = heard(melody_of(notes(tune, 4.0, rate), PUBLISHED))
    middles = [round((at + 0.5) * 4 * 32_000 / 4_096) for at in range(4)]
    assert [melody[at] for at in middles] == tune


def test_a_short_tune_is_repeated_and_a_long_one_cut():
    frames = 32_000 * 4 // 4_096 + 1
    short = melody_of(notes(["C", "G"], 2.0), PUBLISHED)
    assert short.shape == (235, 12)
    np.testing.assert_array_equal(short[frames : 2 * frames], short[:frames])
    long = melody_of(notes(["C", "G"], 30.0), PUBLISHED)
    assert set(heard(long)) == {"C"}


def test_every_frame_is_one_pitch_class():
    melody = melody_of(notes(["C", "D#", "A"]), PUBLISHED)
    assert melody.dtype == np.float32
    np.testing.assert_array_equal(melody.sum(axis=1), 1)


def test_channels_are_mixed():
    left, right = notes(["C"]).samples[0], np.zeros(32_000, np.float32)
    assert set(heard(melody_of(Audio(np.stack([left, right]), 32_000), PUBLISHED))) == {"C"}


@pytest.mark.parametrize("samples", [1, 100, 16_383])
def test_sounds_shorter_than_a_window_are_heard(samples):
    assert melody_of(Audio(np.ones((1, samples), np.float32), 32_000), PUBLISHED).shape == (235, 12)
