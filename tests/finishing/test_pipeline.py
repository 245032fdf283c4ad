import json
import math

import numpy as np
import pytest
from sounds import music, noise, scaled, sine

from muscgen.audio import Audio
from muscgen.errors import BadSong, InvalidRequest
from muscgen.finishing import finish
from muscgen.finishing.analysis import Analysis
from muscgen.finishing.encode import decode
from muscgen.finishing.loudness import integrated, true_peak_db
from muscgen.request import Normalize, Output

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")
AS_IT_IS = Normalize(strategy="none")


def peaky(seconds: float = 4.0) -> Audio:
    """Quiet noise with hard clicks: its peaks forbid any usual loudness."""
    audio = noise(level=0.01, seconds=seconds, rate=32_000)
    audio.samples[:, ::8_000] = 0.9
    return audio


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_song_has_the_loudness_and_the_ceiling_that_were_asked_for(encoding):
    output = Output(format=encoding, normalize=Normalize(lufs=-20, true_peak_db=-2))

    finished = finish(music(channels=2), output)

    heard = decode(finished.content)
    assert integrated(heard) == pytest.approx(-20, abs=0.5)
    assert true_peak_db(heard) <= -2 + 0.05
    assert finished.warnings == ()


@pytest.mark.parametrize("encoding", FORMATS)
@pytest.mark.parametrize("strategy", ["loudness", "peak"])
def test_the_ceiling_holds_in_the_file_even_where_it_costs_loudness(encoding, strategy):
    output = Output(format=encoding, normalize=Normalize(strategy=strategy, lufs=-8, true_peak_db=-1))

    finished = finish(peaky(), output)

    assert true_peak_db(decode(finished.content)) <= -1 + 0.05
    assert any("loudness" in warning for warning in finished.warnings) == (strategy == "loudness")


def test_peak_brings_the_true_peak_to_the_ceiling():
    finished = finish(music(level=0.05), Output(normalize=Normalize(strategy="peak", true_peak_db=-3)))

    assert finished.analysis["true_peak_db"] == pytest.approx(-3, abs=0.02)


def test_none_leaves_the_level_alone():
    audio = music()

    finished = finish(audio, Output(format="flac", normalize=AS_IT_IS))

    np.testing.assert_allclose(finished.audio.samples, audio.samples, atol=2**-23)


def test_what_none_cuts_off_is_counted_and_said():
    finished = finish(sine(220, peak_db=3), Output(normalize=AS_IT_IS))

    assert finished.analysis["clipped_samples"] > 1_000
    assert "clipping" in finished.warnings[0]


def test_a_clip_too_short_for_a_loudness_block_still_gets_one():
    finished = finish(music(seconds=0.2), Output(normalize=Normalize(lufs=-20)))

    assert finished.analysis["lufs"] == pytest.approx(-20, abs=0.1)


def test_nothing_is_left_above_the_new_nyquist_frequency():
    mixed = Audio(sine(1_000, peak_db=-6).samples + sine(15_000, peak_db=-6).samples, 48_000)

    heard = finish(mixed, Output(format="flac", sample_rate=16_000, normalize=AS_IT_IS)).audio

    middle = heard.samples[0, 4_000:-4_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size)))
    bins = np.fft.rfftfreq(middle.size, 1 / heard.sample_rate)
    elsewhere = spectrum[np.abs(bins - 1_000) > 50]
    assert 20 * math.log10(elsewhere.max() / spectrum.max()) < -90  # 15 kHz would fold to 1 kHz from 16


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_every_sample_rate_keeps_the_duration_exactly(rate):
    audio = music(seconds=1.2345)

    finished = finish(audio, Output(sample_rate=rate))

    assert finished.audio.sample_rate == rate
    assert finished.audio.samples.shape[1] == round(audio.samples.shape[1] * rate / 32_000)


def test_opus_of_a_model_at_32_khz_has_48_khz():
    finished = finish(music(), Output(format="opus"))

    assert finished.audio.sample_rate == 48_000
    assert finished.audio.duration_s == 4.0


def test_fades_rise_and_fall_steadily_and_leave_the_middle_alone():
    level = Audio(np.sign(sine(50).samples) * np.float32(0.5), 48_000)

    heard = finish(level, Output(format="flac", fade_in=1, fade_out=2, normalize=AS_IT_IS)).audio

    curve = np.abs(heard.samples[0])
    assert curve[0] < 1e-6
    assert curve[-1] < 1e-6
    assert (np.diff(curve[1:48_000]) >= -1e-6).all()
    assert (np.diff(curve[3 * 48_000 :]) <= 1e-6).all()
    np.testing.assert_allclose(curve[48_000 : 3 * 48_000 - 1], 0.5, atol=1e-5)


def test_the_loudness_is_that_of_the_faded_song():
    finished = finish(music(), Output(fade_out=3, normalize=Normalize(lufs=-22)))

    assert finished.analysis["lufs"] == pytest.approx(-22, abs=0.05)


@pytest.mark.parametrize("encoding", FORMATS)
def test_equal_songs_are_equal_files(encoding):
    made = [finish(music(), Output(format=encoding), {"title": "Rain"}).content for _ in range(2)]

    assert made[0] == made[1]


def test_the_analysis_is_of_the_file_and_fit_for_json():
    finished = finish(music(channels=2), Output(format="mp3"))

    heard = decode(finished.content)
    assert finished.analysis["lufs"] == pytest.approx(integrated(heard), abs=0.006)
    assert finished.analysis["true_peak_db"] == pytest.approx(true_peak_db(heard), abs=0.006)
    assert set(finished.analysis) == set(Analysis.__annotations__)
    json.dumps(finished.analysis, allow_nan=False)


def test_a_song_too_quiet_to_measure_is_no_reason_to_fail():
    finished = finish(sine(10, peak_db=-40), Output(normalize=AS_IT_IS))

    assert json.dumps(finished.analysis["lufs"], allow_nan=False)


def test_bad_songs_become_no_files():
    with pytest.raises(BadSong) as caught:
        finish(scaled(music(), np.nan), Output())
    assert caught.value.reason == "not_finite"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"format": "wav", "bitrate_kbps": 128}, "output.bitrate_kbps"),
        ({"format": "mp3", "bitrate_kbps": 100}, "output.bitrate_kbps"),
        ({"format": "opus", "bitrate_kbps": 320}, "output.bitrate_kbps"),  # mono
        ({"format": "opus", "sample_rate": 44_100}, "output.sample_rate"),
        ({"fade_out": 5.0}, "output.fade_out"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(wish, param):
    with pytest.raises(InvalidRequest) as caught:
        finish(music(), Output(**wish))
    assert caught.value.param == param


def test_the_song_handed_in_is_not_changed():
    audio = music()
    before = audio.samples.copy()

    finish(audio, Output(format="mp3", fade_in=1))

    np.testing.assert_array_equal(audio.samples, before)
