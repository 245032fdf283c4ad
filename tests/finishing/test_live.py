"""Sound that is encoded while it is made."""

from __future__ import annotations

import numpy as np
import pytest
from sounds import music, scaled

from muscgen.audio import Audio
from muscgen.finishing.encode import decode
from muscgen.finishing.live import CEILING, KNEE, live_encoder, pcm16

FORMATS = ["wav", "flac", "mp3", "ogg", "opus"]


def streamed(encoding, pcm, rate, channels, step_s=0.5):
    """The pieces as they come out of one encoder."""
    encoder = live_encoder(encoding, rate, channels, len(pcm) // (2 * channels))
    step = round(step_s * rate) * 2 * channels
    pieces = [encoder.push(pcm[at : at + step]) for at in range(0, len(pcm), step)]
    return [*pieces, encoder.close()]


def likeness(heard, wanted):
    """The best correlation of the heard sound with the wanted, an encoder's delay forgiven."""
    count = min(heard.shape[1], wanted.shape[1])
    one, other = heard[0, :count], wanted[0, :count]
    size = 2 * count
    spectrum = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    return np.fft.irfft(spectrum, size).max() / (np.linalg.norm(one) * np.linalg.norm(other))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("encoding", FORMATS)
def test_the_pieces_are_a_file_of_the_whole_song(encoding, channels):
    audio = music(seconds=3.0, channels=channels)
    heard = decode(b"".join(streamed(encoding, pcm16(audio), audio.sample_rate, channels)))
    assert heard.channels == channels
    assert heard.sample_rate == (48_000 if encoding == "opus" else 32_000)
    assert heard.duration_s == pytest.approx(3.0, abs=0.1)
    if encoding in ("wav", "flac"):
        assert heard.samples.shape[1] == 96_000
        assert np.abs(heard.samples - audio.samples).max() < 2e-4
    elif encoding != "opus":
        assert likeness(heard.samples, audio.samples) > 0.97


@pytest.mark.parametrize(
    ("encoding", "within_s"), [("wav", 0), ("flac", 0.5), ("mp3", 0.5), ("ogg", 1.0), ("opus", 0.3)]
)
def test_bytes_leave_soon_after_their_sound(encoding, within_s):
    audio = music(seconds=4.0, channels=2)
    pieces = streamed(encoding, pcm16(audio), audio.sample_rate, 2)
    for at_s in (1.0, 2.0, 3.0):
        so_far = b"".join(pieces[: round(at_s / 0.5)])
        whole = b"".join(pieces)
        assert len(so_far) >= len(whole) * (at_s - within_s - 0.3) / 4


def test_a_stream_without_a_known_length_says_so():
    encoder = live_encoder("wav", 32_000, 2)
    head = encoder.push(b"")
    assert head[4:8] == head[40:44] == b"\xff" * 4
    assert live_encoder("wav", 32_000, 2, 100).push(b"")[40:44] == (400).to_bytes(4, "little")
    assert live_encoder("flac", 32_000, 2).push(pcm16(music(channels=2)))[21:26] == b"\xf0" + bytes(4)


def test_a_stopped_stream_can_be_played_to_where_it_stopped():
    audio = music(seconds=3.0)
    pieces = streamed("mp3", pcm16(audio), audio.sample_rate, 1)
    assert decode(b"".join(pieces[:4])).duration_s > 1.5


def test_a_closed_encoder_has_nothing_more_to_say():
    for encoding in FORMATS:
        encoder = live_encoder(encoding, 32_000, 1)
        assert encoder.push(pcm16(music(seconds=0.5))) + encoder.close()
        assert encoder.close() == b""


def test_quiet_sound_keeps_its_samples_and_loud_sound_stays_below_the_ceiling():
    quiet = scaled(music(), 0.5 / np.abs(music().samples).max())
    assert np.abs(np.frombuffer(pcm16(quiet), "<i2") / 32767 - quiet.samples[0]).max() < 2e-5
    loud = np.frombuffer(pcm16(scaled(quiet, 6.0)), "<i2") / 32767
    assert KNEE < np.abs(loud).max() <= CEILING + 2e-5
    assert (loud * quiet.samples[0] >= 0).all()


def test_what_is_not_finite_is_made_safe():
    samples = np.array([[np.nan, np.inf, -np.inf, 0.25]], np.float32)
    made = np.frombuffer(pcm16(Audio(samples, 8_000)), "<i2")
    assert made[0] == 0
    assert made[1] == -made[2] > 30_000
    assert made[3] == 8_192


def test_equal_sound_gives_equal_bytes_however_it_is_cut():
    audio = scaled(music(channels=2), 4.0)
    halves = [Audio(audio.samples[:, cut], audio.sample_rate) for cut in (slice(12_345), slice(12_345, None))]
    assert pcm16(audio) == b"".join(pcm16(half) for half in halves)
