"""What is near to what."""

import numpy as np
import soxr
from data.tunes import tune

from muscgen.audio import Audio
from muscgen.data.fingerprint import NO_FINGERPRINT
from muscgen.evaluation import likeness

RATE = 22_050


def printed(samples, name="song", rate=RATE):
    return likeness.printed(name, Audio(np.ascontiguousarray(samples.T, np.float32), rate))


def tracks(count=5):
    return [printed(tune(seed, 12.0), f"{seed}.wav") for seed in range(count)]


def test_a_quieter_copy_without_its_beginning_at_another_rate_is_found():
    copied = soxr.resample(0.3 * tune(3, 12.0)[RATE * 2 :], RATE, 32_000)
    found = likeness.nearest(printed(copied, rate=32_000), tracks())
    assert found.is_copy
    assert found.recording == "3.wav"


def test_a_tune_of_its_own_is_no_copy():
    found = likeness.nearest(printed(tune(99, 12.0)), tracks())
    assert not found.is_copy
    assert found.different_bits > 0.4


def test_a_tune_that_is_played_higher_is_near_in_pitch_and_no_copy():
    usual = likeness.usual(tracks(), 9, seed=0)
    whole = tune(3, 12.0)
    time = np.arange(len(whole)) / RATE
    bent = whole * 0
    # The same notes, each a fourth higher: what tune() plays, with another lowest tone.
    notes = np.random.default_rng(3).integers(0, 24, round(12.0 * 8) + 1)
    hz = 220 * 2 ** (5 / 12) * 2 ** (notes[(time * 8).astype(int)] / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    bent[:, 0] = 0.3 * np.sin(phase) * np.exp(-4 * ((time * 8) % 1))
    found = likeness.nearest(printed(bent), tracks())
    assert not found.is_copy
    assert found.tune_of == "3.wav"
    assert found.tune > usual


def test_music_of_the_reference_itself_says_what_is_usual():
    short = printed(tune(1, 2.0))
    assert likeness.usual([*tracks(1), short, short], 9, seed=0) is None
    among = likeness.usual(tracks(), 9, seed=0)
    assert 0 < among < 0.9
    assert among == likeness.usual([*tracks(), short], 9, seed=0)


def unrelated(count, windows, seed):
    """Tunes of noise."""
    values = np.random.default_rng(seed).normal(size=(count, windows, 240))
    values /= np.linalg.norm(values, axis=2, keepdims=True)
    return [likeness.Print(f"{n}.wav", NO_FINGERPRINT, tunes) for n, tunes in enumerate(values)]


def test_few_of_the_songs_that_have_nothing_to_do_with_a_large_reference_counts_as_near():
    reference = unrelated(600, 1, seed=6)  # of this draw 0.41 were near where 100 tracks looked at 99
    limit = likeness.usual(reference, 1, seed=0)
    near = [likeness.nearest(song, reference).tune > limit for song in unrelated(100, 1, seed=1_006)]
    assert np.mean(near) <= 0.05


def test_the_limit_is_of_pieces_as_long_as_the_songs():
    """A whole track finds more that is alike than a song of seconds."""
    reference = unrelated(20, 6, seed=0)
    assert likeness.usual(reference, 1, seed=0) < likeness.usual(reference, 6, seed=0)
    assert likeness.usual(reference, 6, seed=0) == likeness.usual(reference, 99, seed=0)


def test_too_short_a_sound_has_no_tune():
    found = likeness.nearest(printed(tune(1, 2.0)), tracks(2))
    assert found.tune == 0
