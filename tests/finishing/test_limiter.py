import numpy as np
import pytest
from sounds import music, noise, scaled, sine

from muscgen.audio import Audio
from muscgen.finishing.limiter import LOOK_AHEAD_S, limited
from muscgen.finishing.loudness import true_peak_db


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_no_true_peak_passes_the_ceiling(rate, channels):
    loud = noise(level=0.5, rate=rate, channels=channels, seconds=2)

    assert true_peak_db(limited(loud, -3)) <= -3 + 0.1


def test_what_lies_below_the_ceiling_is_left_alone():
    quiet = music(level=0.1)

    assert limited(quiet, -1) is quiet


def test_away_from_a_peak_nothing_changes():
    audio = scaled(sine(220, seconds=2, rate=32_000), 0.25)
    audio.samples[:, 32_000] = 0.99
    reach = round(2.1 * LOOK_AHEAD_S * 32_000)

    heard = limited(audio, -6)

    np.testing.assert_array_equal(heard.samples[:, : 32_000 - reach], audio.samples[:, : 32_000 - reach])
    np.testing.assert_allclose(
        heard.samples[:, 32_000 + reach :], audio.samples[:, 32_000 + reach :], rtol=1e-6
    )
    assert np.abs(heard.samples).max() <= 10 ** (-6 / 20)


def test_the_gain_is_one_for_all_channels_so_the_image_stays():
    loud = music(channels=2, level=1.5)

    heard = limited(loud, -6)

    loudest = np.abs(loud.samples[0]) > 0.1
    np.testing.assert_allclose(
        heard.samples[1, loudest] / heard.samples[0, loudest],
        loud.samples[1, loudest] / loud.samples[0, loudest],
        rtol=1e-4,
    )


def test_a_steady_tone_stays_a_pure_tone():
    heard = limited(sine(100, seconds=2, rate=32_000), -6).samples[0, 8_000:-8_000]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    tone = spectrum.argmax()

    harmonics = [spectrum[n * tone - 3 : n * tone + 4].max() for n in range(2, 10)]

    assert max(harmonics) < spectrum[tone] * 10 ** (-60 / 20)


def test_one_sample_is_a_sound_too():
    assert (
        np.abs(limited(Audio(np.ones((1, 1), np.float32), 8_000), -6).samples).max() <= 10 ** (-6 / 20) + 1e-6
    )
