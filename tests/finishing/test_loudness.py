import math

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
from sounds import music, noise, scaled, sine

from muscgen.audio import Audio
from muscgen.finishing.loudness import integrated, true_peak_db

RATES = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000)


def judge(audio: Audio) -> float:
    return pyloudnorm.Meter(audio.sample_rate, filter_class="DeMan").integrated_loudness(
        audio.samples.T.astype(float)
    )


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_pyloudnorm_measures_the_same(rate, channels):
    audio = music(rate=rate, channels=channels)

    assert integrated(audio) == pytest.approx(judge(audio), abs=0.02)


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000])
def test_a_sine_of_1_khz_at_minus_23_db_in_two_channels_is_minus_23_lufs(rate):
    # EBU Tech 3341, case 1: the peak level of the sine is the reading, within 0.1 LU.
    assert integrated(sine(997, peak_db=-23, rate=rate, channels=2, seconds=20)) == pytest.approx(
        -23, abs=0.1
    )


def test_one_channel_is_3_db_quieter_than_two():
    one, two = (integrated(sine(997, peak_db=-20, channels=channels)) for channels in (1, 2))

    assert two - one == pytest.approx(10 * math.log10(2), abs=1e-6)


def test_quiet_passages_do_not_count():
    # EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36 dB are -23 LUFS.
    parts = [
        sine(997, peak_db=level, channels=2, seconds=s).samples
        for level, s in ((-36, 10), (-23, 60), (-36, 10))
    ]

    assert integrated(Audio(np.concatenate(parts, axis=1), 48_000)) == pytest.approx(-23, abs=0.1)


def test_the_loudness_of_silence_is_minus_infinity():
    assert integrated(Audio(np.zeros((2, 48_000), np.float32), 48_000)) == -math.inf
    assert integrated(Audio(np.zeros((1, 0), np.float32), 48_000)) == -math.inf


def test_gain_moves_loudness_by_as_much():
    audio = music()

    assert integrated(scaled(audio, 0.5)) - integrated(audio) == pytest.approx(20 * math.log10(0.5), abs=1e-3)


def test_a_clip_shorter_than_one_block_is_measured_as_a_whole():
    assert integrated(sine(997, peak_db=-23, channels=2, seconds=0.2)) == pytest.approx(-23, abs=0.3)


def test_long_sounds_measure_the_same_as_in_one_piece():
    audio = music(seconds=40)  # several transforms

    assert integrated(audio) == pytest.approx(judge(audio), abs=0.02)


def test_more_than_two_channels_are_refused():
    with pytest.raises(ValueError, match="mono and stereo"):
        integrated(noise(channels=3))


def test_the_peak_between_the_samples_is_found():
    # At a quarter of the sample rate and 45 degrees every sample is at 0.707 of the peak.
    audio = sine(12_000, phase=math.pi / 4)

    assert 20 * math.log10(np.abs(audio.samples).max()) == pytest.approx(-3.01, abs=0.01)
    # The sine begins at once, so its ends ring a little above 0 dB; the middle is exact.
    faded = scaled(audio, np.hanning(audio.samples.shape[1]))
    assert true_peak_db(faded) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_scipy_finds_the_same_peak(rate):
    audio = music(rate=rate, channels=2)
    oversampled = scipy.signal.resample_poly(audio.samples.astype(float), 4, 1, axis=1)

    assert true_peak_db(audio) == pytest.approx(20 * math.log10(np.abs(oversampled).max()), abs=0.15)


def test_a_true_peak_is_never_below_the_highest_sample():
    audio = noise(seconds=20)

    assert true_peak_db(audio) >= 20 * math.log10(np.abs(audio.samples).max()) - 1e-9


def test_silence_has_no_peak():
    assert true_peak_db(Audio(np.zeros((1, 100), np.float32), 8_000)) == -math.inf
