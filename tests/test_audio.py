import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muscgen.audio import Audio, join


def ramp(count: int, channels: int = 2, rate: int = 32_000) -> Audio:
    return Audio(np.arange(channels * count, dtype=np.float32).reshape(channels, count), rate)


def test_audio_knows_its_width_and_duration():
    audio = ramp(16_000)

    assert (audio.channels, audio.duration_s) == (2, 0.5)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10, np.float32),
        np.zeros((1, 1, 10), np.float32),
        np.zeros((1, 10)),
        np.zeros((1, 10), np.int16),
    ],
)
def test_samples_are_float32_with_channels_first(samples):
    with pytest.raises(ValueError, match="float32"):
        Audio(samples, 32_000)


@pytest.mark.parametrize("rate", [0, -1])
def test_a_sample_rate_is_positive(rate):
    with pytest.raises(ValueError, match="positive"):
        Audio(np.zeros((1, 1), np.float32), rate)


def test_trimming_is_exact_to_the_sample():
    assert ramp(32_000).trimmed(1.5 / 32_000 + 0.5).samples.shape == (2, 16_002)
    np.testing.assert_array_equal(ramp(100).trimmed(10 / 32_000).samples, ramp(100).samples[:, :10])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_chunks_join_to_the_whole(counts):
    whole = ramp(sum(counts))
    ends = np.cumsum(counts)
    chunks = [
        Audio(whole.samples[:, end - count : end], 32_000) for count, end in zip(counts, ends, strict=True)
    ]

    np.testing.assert_array_equal(join(chunks).samples, whole.samples)


def test_chunks_of_different_sounds_do_not_join():
    with pytest.raises(ValueError, match="one sample rate"):
        join([ramp(5), ramp(5, rate=48_000)])
    with pytest.raises(ValueError, match="one width"):
        join([ramp(5), ramp(5, channels=1)])
    with pytest.raises(ValueError, match="chunk"):
        join([])
