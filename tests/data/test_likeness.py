"""The same recording again, and others."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soxr

from data.tunes import tune
from muscgen.audio import Audio
from muscgen.data.duplicates import Duplicates, Twin
from muscgen.data.fingerprint import SAME_BITS, different_bits, fingerprint, from_text
from muscgen.finishing.encode import decode, encode

RATE = 32_000
SECONDS = 12.0


def song(seed: int) -> Audio:
    return Audio(np.ascontiguousarray(tune(seed, SECONDS, RATE).T), RATE)


def later_and_softer(audio: Audio) -> Audio:
    return Audio(audio.samples[:, 2 * RATE + 777 :] * np.float32(0.4), RATE)


def at(rate: int, audio: Audio) -> Audio:
    return Audio(np.ascontiguousarray(soxr.resample(audio.samples[0], RATE, rate)[None], np.float32), rate)


CHANGES = {
    "mp3": lambda audio: decode(encode(audio, "mp3", 64)),
    "later and softer": later_and_softer,
    "another rate": lambda audio: at(44_100, audio),
    "two channels": lambda audio: Audio(np.repeat(audio.samples, 2, axis=0), RATE),
    "all of it": lambda audio: decode(encode(later_and_softer(audio), "ogg", 48)),
}


def found(*songs: Audio) -> dict[int, Twin]:
    marks = [fingerprint(audio) for audio in songs]
    duplicates = Duplicates()
    for place, (audio, mark) in enumerate(zip(songs, marks, strict=True)):
        duplicates.add(place, hashlib.sha256(audio.samples.tobytes()).hexdigest(), mark.sketch)
    return duplicates.find(lambda place: marks[place].frames)


@pytest.mark.parametrize("change", CHANGES)
def test_a_recording_is_known_again(change):
    copy = CHANGES[change](song(1))
    twins = found(song(1), song(2), copy)
    assert set(twins) == {2}
    assert twins[2].of == 0
    assert twins[2].different_bits < 0.25 < SAME_BITS


def test_other_music_is_not_taken_for_it():
    assert found(*(song(seed) for seed in range(12))) == {}


def test_the_same_bytes_are_known_without_a_fingerprint():
    twins = found(song(1), song(2), song(1))
    assert twins == {2: Twin(0, 0.0)}


def test_copies_of_copies_all_point_to_the_first():
    one = song(3)
    twins = found(one, CHANGES["mp3"](one), CHANGES["later and softer"](one), CHANGES["another rate"](one))
    assert {place: twin.of for place, twin in twins.items()} == {1: 0, 2: 0, 3: 0}


def test_a_sound_that_is_too_short_says_nothing():
    empty = fingerprint(Audio(np.zeros((1, 100), np.float32), RATE))
    assert len(empty.frames) == len(empty.sketch) == 0
    silence = fingerprint(Audio(np.zeros((1, 5 * RATE), np.float32), RATE))
    assert len(silence.sketch) == 0
    assert different_bits(empty.frames, silence.frames) == 1.0


def test_a_fingerprint_survives_being_written_down():
    mark = fingerprint(song(1))
    frames, sketch = mark.to_text()
    assert np.array_equal(from_text(frames), mark.frames)
    assert np.array_equal(from_text(sketch), mark.sketch)
    assert len(mark.sketch) <= 128
