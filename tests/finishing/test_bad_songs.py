import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import music, noise, scaled, sine

from muscgen.audio import Audio
from muscgen.errors import BadSong
from muscgen.finishing.checks import Reason, check, clipped_samples, silence_ratio


def reason_of(audio: Audio) -> str | None:
    try:
        check(audio)
    except BadSong as error:
        return error.reason
    return None


def with_sample(value: float) -> Audio:
    samples = music().samples.copy()
    samples[0, 1_000] = value
    return Audio(samples, 32_000)


def ended_at(audio: Audio, share: float) -> Audio:
    samples = audio.samples.copy()
    samples[:, round(samples.shape[1] * share) :] = 0
    return Audio(samples, audio.sample_rate)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_sample_that_is_no_number_is_enough(value):
    assert reason_of(with_sample(value)) == Reason.NOT_FINITE


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_no_song(level):
    assert reason_of(noise(level=level)) == Reason.SILENT


def test_a_constant_is_silence():
    assert reason_of(Audio(np.full((1, 32_000), 0.5, np.float32), 32_000)) == Reason.SILENT


def test_nothing_is_silence():
    assert reason_of(Audio(np.zeros((1, 0), np.float32), 32_000)) == Reason.SILENT


def test_a_song_cut_off_at_full_scale_is_refused():
    assert reason_of(Audio(sine(220, peak_db=6).samples.clip(-1, 1), 48_000)) == Reason.CLIPPED


def test_a_song_that_dies_before_its_last_quarter_is_refused():
    assert reason_of(ended_at(music(seconds=8), 0.7)) == Reason.DEAD_TAIL


def test_the_reason_comes_first_in_the_detail_and_the_error_may_be_tried_again():
    with pytest.raises(BadSong, match=r"^silent: ") as caught:
        check(noise(level=0))
    assert caught.value.retryable
    assert caught.value.code == "bad_song"


GOOD = {
    "music": music(),
    "stereo": music(channels=2),
    "very quiet": music(level=0.003),
    "short": music(seconds=0.1),
    "one hit": scaled(noise(seconds=1.5), np.exp(-np.arange(72_000) / 2_000)),
    "fades out": scaled(music(seconds=8), np.linspace(1, 0, 8 * 32_000) ** 2),
    "fades in": scaled(music(seconds=8), np.linspace(0, 1, 8 * 32_000) ** 2),
    "a long pause in the middle": Audio(
        np.concatenate([music().samples, np.zeros((1, 96_000), np.float32), music().samples], axis=1), 32_000
    ),
    "pause at the end": ended_at(music(seconds=8), 0.8),
    "one channel is silent": Audio(np.stack([music().samples[0], np.zeros(128_000, np.float32)]), 32_000),
    "beyond full scale, not cut off": sine(220, peak_db=3),
    "touches full scale": Audio((noise(level=0.35).samples).clip(-1, 1), 48_000),
    "deep bass": sine(30, peak_db=-30),
    "chip tune": Audio(np.sign(sine(440).samples) * np.float32(0.5), 48_000),
}


@pytest.mark.parametrize("shape", GOOD)
def test_unusual_music_is_still_music(shape):
    assert reason_of(GOOD[shape]) is None


@given(level_db=st.floats(-60, 0), decay_s=st.floats(1.5, 20), seconds=st.floats(0.06, 6))
def test_decaying_music_is_kept_while_it_can_be_heard(level_db, decay_s, seconds):
    t = np.arange(round(seconds * 8_000)) / 8_000
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * 200 * t) * np.exp(-t / decay_s)
    audible_at_three_quarters = level_db - 3 - 8.686 * 0.75 * seconds / decay_s > -69

    if audible_at_three_quarters:
        assert reason_of(Audio(wave[None].astype(np.float32), 8_000)) is None


def test_the_silence_ratio_is_the_share_of_pauses():
    assert silence_ratio(ended_at(music(seconds=4), 0.75)) == pytest.approx(0.25, abs=0.02)
    assert silence_ratio(sine(440)) == 0
    assert silence_ratio(noise(level=0)) == 1


def test_clipped_samples_are_counted_in_both_directions():
    assert clipped_samples(Audio(np.array([[0.5, 1.0, -1.0, 1.2, 0.999]], np.float32), 8_000)) == 3
