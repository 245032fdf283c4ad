"""The watermark, through embed and detect, on music-like sounds made here."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.finishing.encode import decode, encode
from muscgen.provenance.watermark import Embedder, Payload, code, detect, embed
from muscgen.provenance.watermark.detect import THRESHOLD
from muscgen.provenance.watermark.embed import Writer
from muscgen.provenance.watermark.grid import FIRST_BIN
from muscgen.provenance.watermark.pattern import begins, round_of, seal, spoken
from muscgen.provenance.watermark.payload import job_hash
from muscgen.provenance.watermark.strength import Strength

SECRET, OTHER = b"a deployment's secret", b"somebody else's"
KEYS = {"ours": SECRET}
PAYLOAD = Payload.of(7, 1, "job_000000000000_1")
RATE = 32_000


def song(seconds: float, rate: int = RATE, *, channels: int = 2, seed: int = 0) -> Audio:
    """Chords of plucked partials over a hissing beat: tones, noise, attacks and rests."""
    dice = np.random.default_rng(seed)
    count = round(seconds * rate)
    sound = np.zeros((channels, count + 2 * rate))
    age = np.arange(rate) / rate  # a second of each beat
    for start in range(0, count, rate // 4):
        chord = np.zeros(rate)
        for pitch in dice.choice([110, 147, 196, 262, 330, 440], 3, replace=False):
            chord += sum(np.sin(2 * np.pi * pitch * k * age + k) / k for k in range(1, 12))
        beat = np.exp(-3 * age) * chord * dice.uniform(0.02, 0.06, (channels, 1))
        hiss = 0.05 * np.exp(-20 * age) * dice.standard_normal((channels, rate))
        sound[:, start : start + rate] += beat + hiss
    return Audio(sound[:, :count].astype(np.float32), rate)


@pytest.fixture(scope="module")
def marked() -> Audio:
    return embed(song(14), SECRET, PAYLOAD)


def at_rate(audio: Audio, rate: int) -> Audio:
    resampled = soxr.resample(audio.samples.T, audio.sample_rate, rate)
    return Audio(np.ascontiguousarray(resampled.T, np.float32), rate)


def excerpt(audio: Audio, start_s: float, seconds: float) -> Audio:
    start = round(start_s * audio.sample_rate)
    return Audio(audio.samples[:, start : start + round(seconds * audio.sample_rate)], audio.sample_rate)


def with_noise(audio: Audio, snr_db: float) -> Audio:
    power = float((audio.samples**2).mean()) * 10 ** (-snr_db / 10)
    noise = np.random.default_rng(1).standard_normal(audio.samples.shape) * np.sqrt(power)
    return Audio((audio.samples + noise).astype(np.float32), audio.sample_rate)


def payload_in(audio: Audio) -> Payload | None:
    found = detect(audio, KEYS)
    return found and found.payload


def test_the_payload_comes_back(marked: Audio) -> None:
    found = detect(marked, KEYS)
    assert found is not None
    assert (found.key, found.payload) == ("ours", PAYLOAD)
    assert found.likeness > 2 * THRESHOLD
    assert found.chance < 1e-20
    assert found.bit_errors < 0.1


@pytest.mark.parametrize("start_s", [0.0, 1.234, 2.71828, 3.999])
def test_ten_seconds_from_anywhere_are_enough(marked: Audio, start_s: float) -> None:
    assert payload_in(excerpt(marked, start_s, 10)) == PAYLOAD


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000, 44_100, 48_000])
def test_every_sample_rate_carries_it_to_every_other(rate: int) -> None:
    marked = embed(song(10, rate, channels=1), SECRET, PAYLOAD)
    assert payload_in(marked) == PAYLOAD
    assert payload_in(at_rate(marked, RATE)) == PAYLOAD


@given(
    rate=st.sampled_from([16_000, 32_000, 44_100, 48_000]),
    channels=st.sampled_from([1, 2]),
    start_s=st.floats(0, 3.9),
    payload=st.builds(Payload, st.integers(0, 2**16 - 1), st.integers(0, 255), st.integers(0, 2**24 - 1)),
)
@settings(deadline=None, max_examples=6)
def test_any_excerpt_of_any_song_is_read(rate: int, channels: int, start_s: float, payload: Payload) -> None:
    marked = embed(song(14, rate, channels=channels, seed=payload.job), SECRET, payload)
    assert payload_in(excerpt(marked, start_s, 10)) == payload


SPEEDS = {"1 % faster": 1.01, "5 % slower": 0.95, "6 % faster": 1.06}


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_changed_speed_is_found_and_told(marked: Audio, speed: str) -> None:
    faster = Audio(at_rate(marked, round(RATE / SPEEDS[speed])).samples, RATE)
    found = detect(excerpt(faster, 1, 10), KEYS)
    assert found is not None
    assert found.payload == PAYLOAD
    assert found.tempo == pytest.approx(SPEEDS[speed], abs=0.011)  # 1 % is still heard as it is


def test_a_changed_tempo_alone_is_found_and_told(marked: Audio) -> None:
    """Frames of 64 ms that overlap by three quarters, laid 5 % closer."""
    hop, size = 512, 2_048
    starts = range(0, marked.samples.shape[1] - size, round(hop * 1.05))
    stretched = np.zeros((2, len(starts) * hop + size), np.float32)
    for at, start in enumerate(starts):
        stretched[:, at * hop : at * hop + size] += marked.samples[:, start : start + size] * np.hanning(size)
    found = detect(Audio(stretched, RATE), KEYS)
    assert found is not None
    assert found.payload == PAYLOAD
    assert (found.tempo, found.pitch) == (pytest.approx(1.05, abs=0.005), 1)


def test_speech_in_the_middle_leaves_it_between_the_channels(marked: Audio) -> None:
    part = excerpt(marked, 2, 10)
    talk = np.random.default_rng(3).standard_normal(part.samples.shape[1]).cumsum()
    talk = 3 * part.samples.std() * talk / np.abs(talk).max()
    covered = Audio((part.samples + talk).astype(np.float32), RATE)
    assert payload_in(covered) == PAYLOAD


@pytest.mark.parametrize(
    ("encoding", "kbps", "rate"), [("mp3", 128, RATE), ("opus", 96, 48_000), ("ogg", None, RATE)]
)
def test_lossy_files_keep_it(marked: Audio, encoding: str, kbps: int | None, rate: int) -> None:
    heard = decode(encode(at_rate(marked, rate), encoding, kbps))
    assert payload_in(excerpt(heard, 1.7, 10)) == PAYLOAD


ATTACKS = {
    "quieter by 20 dB": lambda audio: Audio(audio.samples * np.float32(0.1), RATE),
    "at 16 kHz and back": lambda audio: at_rate(at_rate(audio, 16_000), RATE),
    "one channel": lambda audio: Audio(audio.samples.mean(axis=0, keepdims=True), RATE),
    "noise at 30 dB": lambda audio: with_noise(audio, 30),
    "distortion": lambda audio: Audio(np.tanh(3 * audio.samples), RATE),
    "channels exchanged and upside down": lambda audio: Audio(-audio.samples[::-1].copy(), RATE),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_survives(marked: Audio, attack: str) -> None:
    assert payload_in(ATTACKS[attack](excerpt(marked, 2.2, 10))) == PAYLOAD


def test_thin_music_with_rests_keeps_it_under_noise() -> None:
    """One note at a time and nothing around it, like a piano alone."""
    dice, age = np.random.default_rng(6), np.arange(RATE) / RATE
    sound = np.zeros((1, 12 * RATE))
    for start in range(0, 11 * RATE, RATE // 2):
        pitch = dice.choice([131, 165, 196, 262])
        note = sum(np.sin(2 * np.pi * pitch * k * age + k) / k for k in range(1, 16))
        sound[:, start : start + RATE] += 0.1 * np.exp(-4 * age) * np.minimum(1, 200 * age) * note
    sound[:, (np.arange(12 * RATE) // RATE) % 3 == 2] = 0
    marked = embed(Audio(sound.astype(np.float32), RATE), SECRET, PAYLOAD)
    assert payload_in(excerpt(with_noise(marked, 30), 1, 10)) == PAYLOAD


@pytest.mark.parametrize("seed", range(2))
def test_what_is_not_marked_has_no_mark(seed: int) -> None:
    assert detect(song(10, seed=seed), KEYS) is None


def test_another_key_finds_nothing(marked: Audio) -> None:
    assert detect(marked, {"theirs": OTHER}) is None


def test_of_several_keys_the_one_that_was_used_is_named(marked: Audio) -> None:
    found = detect(marked, {"theirs": OTHER, **KEYS})
    assert found is not None
    assert found.key == "ours"


def test_a_marked_part_of_a_long_file_is_found_and_placed() -> None:
    rest = song(50, channels=1, seed=3).samples
    marked = embed(song(14, channels=1, seed=4), SECRET, PAYLOAD).samples
    found = detect(Audio(np.concatenate([rest, marked, rest], axis=1), RATE), KEYS)
    assert found is not None
    assert found.payload == PAYLOAD
    assert 30 <= found.start_s <= 64


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0, 2.9])
def test_what_is_too_short_to_tell_has_no_mark(seconds: float) -> None:
    assert detect(song(seconds), KEYS) is None


AGE = np.arange(6 * RATE) / RATE
STRANGE = {
    "silence": 0 * AGE,
    "a sine": np.sin(2 * np.pi * 440 * AGE),
    "a square wave": np.sign(np.sin(2 * np.pi * 220 * AGE)),
    "clicks": (np.arange(AGE.size) % 4_000 == 0).astype(float),
    "noise switched every cell": np.random.default_rng(8).standard_normal(AGE.size) * (AGE % 0.128 < 0.064),
}


@pytest.mark.parametrize("sound", STRANGE)
def test_what_is_no_music_has_no_mark(sound: str) -> None:
    assert detect(Audio(STRANGE[sound].astype(np.float32)[None], RATE), KEYS) is None


@pytest.mark.parametrize("gain_db", [-60, 20])
def test_how_loud_it_is_does_not_matter(gain_db: float) -> None:
    level = np.float32(10 ** (gain_db / 20))
    marked = embed(Audio(song(8).samples * level, RATE), SECRET, PAYLOAD)
    assert payload_in(marked) == PAYLOAD


def test_music_with_long_rests_carries_it() -> None:
    music = song(12)
    music.samples[:, (np.arange(12 * RATE) // RATE) % 3 == 2] = 0
    assert payload_in(embed(music, SECRET, PAYLOAD)) == PAYLOAD


def test_songs_do_not_share_a_pattern() -> None:
    songs = [Payload.of(7, 1, f"job_{number}").to_bytes() for number in range(40)]
    assert len({begins(SECRET, payload)[0] for payload in songs}) > 20
    one, other = (spoken(SECRET, payload)[0] for payload in songs[:2])
    assert abs(float((one * other).mean())) < 0.05


def test_a_song_does_not_repeat_itself_within_a_round() -> None:
    first, second = spoken(SECRET, PAYLOAD.to_bytes())[0].reshape(8, 64, 72)[:2]
    assert abs(float((first * second).mean())) < 0.1


def test_who_changes_what_a_mark_says_breaks_its_seal() -> None:
    """He knows all cells but the seal of the payload that he wants."""
    wanted = Payload(PAYLOAD.deployment, PAYLOAD.key_version, PAYLOAD.job ^ 1)
    number, first = begins(SECRET, wanted.to_bytes())
    plan = round_of(SECRET, number)
    signs = np.where(plan.sealed, seal(SECRET, PAYLOAD.to_bytes()), spoken(SECRET, wanted.to_bytes())[0])
    writer = Writer(signs, first, sample_rate=RATE, channels=2)
    assert detect(Audio(writer.push(song(10).samples, last=True), RATE), KEYS, warped=False) is None


def test_silence_stays_silence() -> None:
    silent = np.zeros((2, 3 * RATE), np.float32)
    assert not embed(Audio(silent, RATE), SECRET, PAYLOAD).samples.any()


@pytest.mark.parametrize(("rate", "channels"), [(RATE, 2), (44_100, 1), (16_000, 2)])
def test_a_stream_is_marked_as_the_whole_is(rate: int, channels: int) -> None:
    whole = song(5, rate, channels=channels)
    stream = Embedder(SECRET, PAYLOAD, sample_rate=rate, channels=channels)
    dice, pieces, at = np.random.default_rng(2), [], 0
    while at < whole.samples.shape[1]:
        size = int(dice.choice([1, 17, 640, 5_000, 16_000]))
        pieces.append(stream.push(whole.samples[:, at : at + size]))
        at += size
    pieces.append(stream.push(whole.samples[:, :0], last=True))
    np.testing.assert_allclose(
        np.concatenate(pieces, axis=1), embed(whole, SECRET, PAYLOAD).samples, atol=1e-6
    )


def test_what_a_frame_may_change_does_not_depend_on_how_many_come_at_once() -> None:
    frames = np.random.default_rng(4).random((9, 257), np.float32) ** 8
    whole, pieces = Strength(), Strength()
    parts = [pieces.of(frames[first:last]) for first, last in ((0, 1), (1, 6), (6, 6), (6, 9))]
    for at, expected in enumerate(whole.of(frames)):
        np.testing.assert_array_equal(np.concatenate([part[at] for part in parts]), expected)


def test_a_tone_changes_little_and_what_it_drowns_much() -> None:
    frames = np.full((3, 257), 1e-4, np.float32)
    frames[:, 100] = 1.0
    louder, softer = (part[-1] for part in Strength().of(frames))
    tone = 100 - FIRST_BIN
    assert louder[tone] == softer[tone] < 0.2
    assert louder[tone + 3] > 1
    assert louder[-1] < louder[tone + 3] / 2


def test_what_sounds_before_a_note_is_not_changed_for_it() -> None:
    frames = np.full((4, 257), 1e-4, np.float32)
    frames[2:, 100] = 1.0
    louder = Strength().of(frames)[0][:, 103 - FIRST_BIN]
    assert louder[2] < 2.1 * louder[1]
    assert louder[3] > 1


def test_a_stream_is_never_more_than_a_fifth_of_a_second_behind() -> None:
    stream = Embedder(SECRET, PAYLOAD, sample_rate=RATE, channels=1)
    came = 0
    sound = song(2, channels=1).samples
    for at in range(20):
        came += stream.push(sound[:, at * 3_200 : (at + 1) * 3_200]).shape[1]
        assert (at + 1) * 3_200 - came < RATE / 5


@given(samples=st.integers(0, 9_000), rate=st.sampled_from([16_000, 32_000, 44_100, 48_000]))
@settings(deadline=None, max_examples=40)
def test_the_length_stays_to_the_sample(samples: int, rate: int) -> None:
    noise: NDArray[np.float32] = np.random.default_rng(5).standard_normal((1, samples)).astype(np.float32)
    assert embed(Audio(noise, rate), SECRET, PAYLOAD).samples.shape == (1, samples)


def test_what_is_changed_lies_well_below_the_music(marked: Audio) -> None:
    clean = song(14).samples
    change = marked.samples - clean
    assert 10 * np.log10((clean**2).sum() / (change**2).sum()) > 19


@given(st.binary(min_size=6, max_size=6), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_code_corrects_a_fifth_of_its_symbols(payload: bytes, seed: int) -> None:
    dice = np.random.default_rng(seed)
    symbols = code.encode(payload)
    symbols[dice.choice(symbols.size, symbols.size // 5, replace=False)] *= -1
    assert code.decode(symbols) == payload


@given(st.integers(0, 2**16 - 1), st.integers(0, 255), st.integers(0, 2**24 - 1))
def test_a_payload_is_six_bytes_and_back(deployment: int, version: int, job: int) -> None:
    payload = Payload(deployment, version, job)
    assert Payload.from_bytes(payload.to_bytes()) == payload
    assert payload.hex() == payload.to_bytes().hex()


@pytest.mark.parametrize("fields", [(2**16, 0, 0), (0, 256, 0), (0, 0, 2**24), (-1, 0, 0)])
def test_a_payload_refuses_what_does_not_fit(fields: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="bits"):
        Payload(*fields)


def test_a_payload_knows_its_job_by_hash() -> None:
    assert PAYLOAD.job == job_hash("job_000000000000_1") != job_hash("job_000000000000_2")
