"""Scipy, librosa and arithmetic judge the distances."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from muscgen.audio import Audio
from muscgen.data.compiled import librosa
from muscgen.evaluation import costs, frechet, likeness, pretrained, spectra
from muscgen.evaluation.frechet import Cloud, Gathering


def clouds(seed=0, width=12, count=400):
    draws = np.random.default_rng(seed)
    mix = draws.normal(size=(width, width))
    one = draws.normal(size=(count, width)) @ mix
    return one, draws.normal(size=(count, width)) @ mix.T * 1.4 + draws.normal(size=width)


def test_the_frechet_distance_is_that_of_the_matrix_root():
    one, other = clouds()
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    apart = one.mean(0) - other.mean(0)
    wanted = apart @ apart + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet.distance(Cloud.of(one), Cloud.of(other)) == pytest.approx(wanted, rel=1e-8)


def test_it_is_the_same_both_ways_and_nothing_to_itself():
    one, other = map(Cloud.of, clouds(3))
    assert frechet.distance(one, other) == pytest.approx(frechet.distance(other, one))
    assert frechet.distance(one, one) == pytest.approx(0, abs=1e-9)


def test_one_direction_without_any_spread_is_borne():
    flat = np.zeros((50, 3))
    flat[:, 0] = np.linspace(0, 1, 50)
    moved = flat + np.array([0, 2.0, 0])
    assert frechet.distance(Cloud.of(flat), Cloud.of(moved)) == pytest.approx(4)


def test_a_cloud_that_is_gathered_in_pieces_is_the_whole():
    values = clouds(1)[0] + 1e4
    gathering = Gathering()
    for part in np.array_split(values, 7):
        gathering.add(part)
    found, wanted = gathering.cloud(), Cloud.of(values)
    assert found.windows == wanted.windows
    np.testing.assert_allclose(found.mean, wanted.mean)
    np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-8)


def test_few_windows_make_the_distance_too_large_and_the_line_takes_that_away():
    """Two draws of one distribution: endlessly many windows would be nothing apart."""
    draws = np.random.default_rng(5)
    reference = Cloud.of(draws.normal(size=(20_000, 16)))
    few = draws.normal(size=(6, 200, 16))
    plain = np.mean([frechet.distance(Cloud.of(values), reference) for values in few])
    limits = [frechet.infinity(values, reference, seed=n) for n, values in enumerate(few)]
    assert plain > 0.3
    assert abs(np.mean([limit.distance for limit in limits])) < plain / 6
    assert all(limit.fit > 0.8 for limit in limits)
    assert limits[2] == frechet.infinity(few[2], reference, seed=2)


def tracks(count=400, width=32):
    """With two numbers of a much larger unit, and one that never moves."""
    values = np.random.default_rng(1).normal(size=(count, width)) + 3.0
    values[:, :2] *= 1_000
    values[:, 2] = 0
    return values


def test_as_many_different_clips_are_counted_as_there_are():
    reference = tracks()
    spread = likeness.spread(reference)
    assert likeness.effective_number(reference[:16], spread) > 15
    assert likeness.effective_number(reference[:2], spread) == pytest.approx(2, rel=0.01)
    five_each_four_times = np.concatenate([reference[:5]] * 4)
    assert likeness.effective_number(five_each_four_times, spread) == pytest.approx(5, rel=0.02)
    assert likeness.effective_number(reference[:1], spread) == pytest.approx(1)


def test_songs_that_are_equal_but_for_noise_are_one_song():
    spread = likeness.spread(tracks())
    equal = tracks()[7] + 1e-6 * np.random.default_rng(2).normal(size=(16, 32))
    assert likeness.effective_number(equal, spread) == pytest.approx(1, abs=1e-3)
    assert likeness.effective_number(tracks().mean(axis=0) + 0 * equal, spread) == pytest.approx(1)


def test_songs_that_differ_less_than_tracks_do_are_fewer():
    reference = tracks()
    spread, middle = likeness.spread(reference), reference.mean(axis=0)
    counts = [
        likeness.effective_number(middle + part * (reference[:16] - middle), spread)
        for part in (0.1, 0.25, 0.5, 1.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < 1.5
    assert 6 < counts[2] < 10


def test_tracks_that_are_all_alike_are_no_measure():
    assert likeness.spread(tracks(1)) is None
    assert likeness.spread(np.ones((5, 3))) is None


def test_kl_is_nothing_between_equals_and_what_arithmetic_says_else():
    one, other = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert pretrained.kl(one, one) == pytest.approx(0)
    assert pretrained.kl(one, other) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-6)


def test_noise_a_tenth_as_strong_leaves_twenty_decibels_whatever_the_gain():
    draws = np.random.default_rng(0)
    sound = draws.normal(size=(1, 40_000)).astype(np.float32)
    noise = draws.normal(size=(1, 40_000)).astype(np.float32)
    noise -= sound * float((noise * sound).sum() / (sound * sound).sum())
    noise *= float(np.linalg.norm(sound) / np.linalg.norm(noise)) / 10
    assert costs.si_sdr_db(sound, 3 * (sound + noise)) == pytest.approx(20, abs=0.01)
    assert costs.si_sdr_db(sound, sound) == 100


def test_twice_the_power_in_every_band_is_three_decibels():
    draws = np.random.default_rng(0)
    quiet = Audio((0.05 * draws.normal(size=(1, 32_000))).astype(np.float32), 16_000)
    loud = Audio(quiet.samples * np.float32(2**0.5), 16_000)
    assert costs.cost(quiet, loud).mel_db == pytest.approx(10 * np.log10(2), abs=0.05)


def test_a_tone_lies_in_the_band_where_librosa_puts_it():
    time = np.arange(16_000) / 16_000
    for hz in (220.0, 880.0, 3_520.0):
        ours = spectra.powers(np.sin(2 * np.pi * hz * time)).mean(0).argmax()
        centres = librosa().mel_frequencies(
            spectra.BANDS + 2, fmin=spectra.LOWEST_HZ, fmax=spectra.HIGHEST_HZ, htk=True
        )[1:-1]
        assert abs(ours - np.abs(centres - hz).argmin()) <= 1


def test_level_changes_nothing_that_is_embedded():
    draws = np.random.default_rng(2)
    sound = (0.1 * draws.normal(size=(2, 50_000))).astype(np.float32)
    loud = spectra.log_mel(Audio(sound, 32_000))
    np.testing.assert_allclose(spectra.log_mel(Audio(sound * np.float32(0.1), 32_000)), loud, atol=0.01)
