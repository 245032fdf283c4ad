import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import music, noise, sine

from muscgen.audio import Audio
from muscgen.errors import InvalidRequest
from muscgen.finishing import ogg
from muscgen.finishing.encode import bitrate_kbps, decode, encode
from muscgen.request import Output, refuse_impossible

RATES = (8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
LOSSY = [
    *(("mp3", rate) for rate in RATES),
    *(("ogg", rate) for rate in RATES),
    *(("opus", rate) for rate in OPUS_RATES),
]
MP3 = {8_000: (32, 64), 22_050: (64, 96, 160), 32_000: (64, 128, 320), 44_100: (64, 192, 320)}
OGG = [(32_000, 1, 64), (44_100, 2, 96), (44_100, 2, 192), (16_000, 1, 48)]  # rate, channels, kbit/s


def makes(encoding: str, kbps: int, rate: int, channels: int) -> bool:
    try:
        output = Output(format=encoding, bitrate_kbps=kbps)
        refuse_impossible(output, model_rate_hz=rate, channels=channels, duration_s=10)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize(("encoding", "step"), [("wav", 2**-15), ("flac", 2**-23)])
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_formats_keep_every_sample(encoding, step, channels):
    audio = music(channels=channels)

    heard = decode(encode(audio, encoding))

    assert heard.sample_rate == audio.sample_rate
    np.testing.assert_allclose(heard.samples, audio.samples, atol=1.5 * step)


def test_dither_makes_the_error_of_16_bits_independent_of_the_music():
    # Without dither a sine below half a step would vanish; with it, it is there under noise.
    quiet = sine(1_000, peak_db=-98, seconds=4)

    heard = decode(encode(quiet, "wav")).samples[0]

    t = np.arange(heard.size) / 48_000
    found = 2 * abs((heard * np.exp(-2j * np.pi * 1_000 * t)).mean())
    assert found == pytest.approx(10 ** (-98 / 20), rel=0.2)
    assert np.abs(heard).max() <= 2 * 2**-15


@pytest.mark.parametrize("encoding", ["wav", "flac"])
def test_peaks_beyond_full_scale_are_cut_off_and_do_not_wrap(encoding):
    heard = decode(encode(sine(100, peak_db=6, seconds=1), encoding)).samples

    assert heard.max() == pytest.approx(1, abs=1e-4)
    assert np.abs(np.diff(heard)).max() < 0.1


@pytest.mark.parametrize(("encoding", "rate"), LOSSY)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_formats_keep_the_duration_and_the_music(encoding, rate, channels):
    audio = music(seconds=1.3, rate=rate, channels=channels)

    heard = decode(encode(audio, encoding))

    assert heard.samples.shape == audio.samples.shape
    assert np.corrcoef(heard.samples[0], audio.samples[0])[0, 1] > 0.9


@pytest.mark.parametrize(("rate", "kbps"), [(rate, kbps) for rate, many in MP3.items() for kbps in many])
def test_mp3_has_the_bitrate_and_the_length(rate, kbps):
    audio = music(rate=rate, channels=2, seconds=10)

    content = encode(audio, "mp3", kbps)

    assert bitrate_kbps(content, "mp3", 10) == pytest.approx(kbps, rel=0.05)
    assert decode(content).samples.shape == audio.samples.shape


@pytest.mark.parametrize("kbps", [32, 64, 96, 160, 256])
@pytest.mark.parametrize("channels", [1, 2])
def test_opus_has_the_bitrate(kbps, channels):
    content = encode(noise(rate=48_000, channels=channels, seconds=4), "opus", kbps)

    assert bitrate_kbps(content, "opus", 4) == pytest.approx(kbps, rel=0.2)  # its rate varies with the sound


@pytest.mark.parametrize(("rate", "channels", "kbps"), OGG)
def test_ogg_is_brought_to_the_bitrate(rate, channels, kbps):
    content = encode(noise(rate=rate, channels=channels, seconds=4), "ogg", kbps)

    assert bitrate_kbps(content, "ogg", 4) == pytest.approx(kbps, rel=0.1)


def test_bitrates_are_refused_where_no_encoder_has_them():
    assert makes("mp3", 320, 44_100, 2)
    assert not makes("mp3", 320, 22_050, 2)
    assert not makes("mp3", 48, 44_100, 2)  # no room for the header with the exact length
    assert makes("mp3", 48, 8_000, 1)
    assert makes("opus", 320, 48_000, 2)
    assert not makes("opus", 320, 48_000, 1)
    assert not makes("ogg", 320, 8_000, 1)
    assert not makes("ogg", 32, 44_100, 2)
    assert not makes("flac", 256, 44_100, 2)


def test_a_refusal_names_the_nearest_bitrate():
    with pytest.raises(InvalidRequest) as caught:
        refuse_impossible(
            Output(format="mp3", bitrate_kbps=200), model_rate_hz=32_000, channels=1, duration_s=10
        )
    assert caught.value.suggestion == "192"


def test_long_songs_do_not_overflow_the_vorbis_encoder():
    assert decode(encode(noise(seconds=60, rate=16_000), "ogg")).duration_s == 60


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 5_000),
    encoding=st.sampled_from(["wav", "flac", "mp3", "ogg", "opus"]),
    channels=st.integers(1, 2),
)
def test_every_length_is_kept(frames, encoding, channels):
    samples = np.random.default_rng(frames).uniform(-0.5, 0.5, (channels, frames)).astype(np.float32)

    assert decode(encode(Audio(samples, 48_000), encoding)).samples.shape == (channels, frames)


def test_ogg_pages_carry_the_checksum_of_the_specification():
    # Bit by bit, with the polynomial of RFC 3533.
    def slow(data: bytes) -> int:
        register = 0
        for byte in data:
            register ^= byte << 24
            for _ in range(8):
                register = (register << 1 ^ (0x04C11DB7 if register & 1 << 31 else 0)) & 0xFFFFFFFF
        return register

    content = ogg.with_comments(encode(music(seconds=0.5), "ogg"), [("TITLE", "x" * 70_000)])
    at = 0
    while at < len(content):
        segments = content[at + 26]
        size = 27 + segments + sum(content[at + 27 : at + 27 + segments])
        page = content[at : at + size]
        assert slow(page[:22] + bytes(4) + page[26:]) == struct.unpack_from("<I", page, 22)[0]
        at += size


def test_every_file_is_what_its_name_says():
    kinds = {"wav": "PCM_16", "flac": "PCM_24", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS", "opus": "OPUS"}
    for encoding, subtype in kinds.items():
        with soundfile.SoundFile(io.BytesIO(encode(music(rate=48_000), encoding))) as sound:
            assert sound.subtype == subtype
