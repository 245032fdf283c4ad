"""muscgen-tiny's recipe: what it composes, in codes of one channel and of two, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from muscgen.evaluation.asked import asked_in
from training.recipe import RECIPE

pytestmark = pytest.mark.usefixtures("beside")
PIECES = 60


@pytest.fixture(scope="module")
def pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(RECIPE))
        from tinysong.composer import compose

        return [compose(seed, 30) for seed in range(PIECES)]


def test_the_same_seed_is_the_same_piece_and_another_is_another():
    from tinysong.composer import compose

    assert np.array_equal(compose(7, 20).codes(), compose(7, 20).codes())
    assert not np.array_equal(compose(7, 8).codes()[:, :200], compose(8, 8).codes()[:, :200])


def test_codes_are_those_of_the_table_and_the_clock_never_stumbles(pieces):
    from tinysong import meaning

    for score in pieces:
        codes, starts = score.codes(), score.starts()
        assert codes.shape == (4, score.frames) == (4, starts[-1])
        assert abs(score.frames / 50 - 30) < 2.5
        for book, row in enumerate(codes):
            assert None not in [meaning.PARTS[book].of(int(code)) for code in np.unique(row[row > 0])]
        clock = np.array([meaning.PARTS[0].of(int(code)) for code in codes[0]])
        slots = np.searchsorted(starts, np.arange(score.frames), "right") - 1
        assert np.array_equal(clock[:, 1], slots // 4 % score.beats)
        assert np.array_equal(clock[:, 2], np.arange(score.frames) - starts[slots])


def spelled(score, note, age):
    from tinysong import meaning

    if note.part == "bass":
        return meaning.bass(score.bass, note.pitch, age)
    if note.part == "harmony":
        return meaning.chord(score.harmony, note.pitch, note.quality, age)
    return meaning.lead(score.lead, note.pitch, age)


def test_a_note_is_spelled_frame_by_frame_as_the_table_has_it(pieces):
    for score in pieces[:20]:
        codes, starts = score.codes(), score.starts()
        rows = {"bass": 1, "harmony": 2, "lead": 3}
        lasts = {part: [n for n in score.notes if n.part == part][-1:] for part in rows}
        for part, notes in lasts.items():
            for note in notes:
                frames = range(starts[note.start], starts[note.start + note.length])
                for age, frame in enumerate(frames):
                    said = spelled(score, note, age)
                    assert codes[rows[part], frame] == said


def test_a_tail_follows_only_what_rings(pieces):
    from tinysong import meaning

    tails, ringing = 0, {"X", "S", "SH", "K", "KH", "P", "T"}
    for score in pieces:
        places = [meaning.PARTS[0].of(int(code)) for code in score.codes()[0][score.starts()[:-1]]]
        hits = [meaning.HITS[(kind - 1) % len(meaning.HITS)] if kind else "" for kind, _, _ in places]
        for before, hit in pairwise(hits):
            if hit == "T":
                tails += 1
                assert before in ringing
                assert before in ("X", "T") or score.kit in ("percussion", "electronic")
    assert tails > 20


def test_a_piece_develops_and_ends_at_home(pieces):
    for score in pieces:
        assert [*dict.fromkeys(score.form)] in (["i", "a", "b", "o"], ["a", "b", "o"])
        assert score.form.count("i") <= 2
        last = max((n for n in score.notes if n.part == "harmony"), key=lambda n: n.start, default=None)
        assert last is None or last.pitch == score.key
        low = max((n for n in score.notes if n.part == "bass"), key=lambda n: n.start, default=None)
        assert low is None or low.pitch % 12 == score.key
        bar, bars = 4 * score.beats, len(score.form)
        loud = [[n.velocity for n in score.notes if n.start // bar == at] for at in range(bars)]
        means = [np.mean(one) if one else 0 for one in loud]
        if score.shape in ("", "growing"):
            assert max(means[bars // 2 :]) > max(means[: bars // 5 + 1])


def test_whoever_is_named_is_heard_soon(pieces):
    late = 0
    for score in pieces:
        opening = score.starts()[:-1] < 500
        heard = {note.part for note in score.notes if opening[note.start]}
        heard |= {"drums" for hit in score.hits if opening[hit.start]}
        parts = {"lead": score.lead, "harmony": score.harmony, "bass": score.bass, "drums": score.kit}
        late += {part for part, name in parts.items() if name} != heard
    assert late <= PIECES // 20


def test_of_any_length_a_piece_is_whole_bars():
    from tinysong.composer import compose

    for seconds in (1, 2, 4, 7, 10, 60, 100):
        for seed in range(12):
            score = compose(seed, seconds)
            assert score.length % (4 * score.beats) == 0
            assert len(score.form) == score.length // (4 * score.beats)
            assert max(note.start + note.length for note in score.notes) <= score.length


def test_all_styles_of_the_first_model_are_composed_and_songs_of_one_differ():
    from tinysong.composer import compose
    from tinysong.styles import STYLES

    assert len(STYLES) == 35
    found: dict[str, set[bytes]] = {}
    for seed in range(500):
        score = compose(seed, 8)
        found.setdefault(score.style, set()).add(score.codes().tobytes())
    assert set(found) == set(STYLES)
    assert sum(map(len, found.values())) > 495


def test_most_openings_tell_their_key_and_their_tempo(pieces):
    from tinysong.hearing import tells_key, tells_tempo

    assert np.mean([tells_key(score) for score in pieces]) > 0.9
    assert np.mean([tells_tempo(score) for score in pieces]) > 0.9


def test_what_is_said_of_another_piece_is_not_told(pieces):
    from tinysong.hearing import tells_key, tells_tempo

    for score in pieces[:20]:
        assert not tells_key(replace(score, key=(score.key + 6) % 12))
    slowed = [replace(score, sixteenth=score.sixteenth * 2) for score in pieces if score.sixteenth > 8]
    assert np.mean([tells_tempo(score) for score in slowed]) < 0.5


def test_two_channels_share_the_beat_and_differ_in_the_chords(pieces):
    from tinysong import meaning

    wide, echoes = 0, set()
    for score in pieces:
        both = score.codes_stereo()
        left, right = both[::2], both[1::2]
        assert both.shape == (8, score.frames)
        assert np.array_equal(left, score.codes())
        assert np.array_equal(left[:2], right[:2])
        late = score.echo_frames
        assert np.array_equal(right[3][late:], left[3][: score.frames - late])
        echoes.add(late)
        wide += not np.array_equal(left[2], right[2])
        if score.answer:
            said = [meaning.PARTS[2].of(int(code)) for code in right[2] if code]
            assert {meaning.HARMONIES[name] for name, _, _, _ in said} == {score.answer}
            assert np.array_equal(right[2] > 0, left[2] > 0)
        for book, row in enumerate(right):
            assert None not in [meaning.PARTS[book].of(int(code)) for code in np.unique(row[row > 0])]
    assert echoes == {0, 1, 2}
    assert wide > PIECES * 0.7


def test_a_caption_asks_for_what_is_played(pieces):
    from tinysong import vocabulary
    from tinysong.words import caption

    keys = tempi = 0
    for seed in range(1_200):
        score = pieces[seed % PIECES]
        words = caption(score, seed)
        asked = asked_in(words)
        if asked.bpm is not None:
            low, high = vocabulary.BPM[score.sixteenth]
            assert low <= asked.bpm <= high
            tempi += 1
        if asked.key is not None:
            assert asked.key == (score.key, "minor" if score.minor else "major")
            keys += 1
        lower = words.lower()
        if re.search(r"\b(no|without) (drums|percussion)\b", lower):
            assert not score.kit
        if re.search(r"\bsolo\b", lower) and score.style != "jazz":
            assert len({score.lead, score.harmony, score.bass, score.kit} - {""}) == 1
        assert ("major" in lower) <= (not score.minor)
        assert ("minor" in lower) <= score.minor
        assert ("walking bass" in lower) <= ("walking" in score.traits)
    assert min(keys, tempi) > 250


def test_another_seed_is_another_caption_and_many_are_short(pieces):
    from tinysong.words import caption

    said = {caption(pieces[0], seed) for seed in range(100)}
    assert len(said) > 80
    counts = [len(caption(pieces[seed % PIECES], seed).split()) for seed in range(600)]
    assert np.mean(np.array(counts) <= 4) > 0.2
    assert np.mean(np.array(counts) >= 10) > 0.2
    assert caption(pieces[1], 5) == caption(pieces[1], 5)


def test_loudness_goes_as_the_piece_is_said_to_in_codes_and_velocities(pieces):
    from tinysong import following, reading
    from tinysong.loudness import WORDS

    seen = set()
    for score in pieces:
        read = reading.read(score.codes())
        assert following.JUDGES["loudness"](read, score) in (1.0, None)
        seen.add(score.shape)
        notes = sorted(score.notes, key=lambda note: note.start)
        fourth = len(notes) // 4
        first, last = (np.mean([note.velocity for note in row]) for row in (notes[:fourth], notes[-fourth:]))
        if score.shape == "growing":
            assert last > first + 10
        if score.shape == "fading":
            assert first > last + 10
    assert seen == {"", *WORDS}


def test_a_bar_is_softened_beat_by_beat_and_its_first_beat_last():
    from tinysong.loudness import soft_beats

    assert soft_beats([1.0], 4) == [False] * 4
    assert soft_beats([0.5], 4) == [False, True, False, True]
    assert soft_beats([0.33], 4) == [False, True, True, True]
    assert soft_beats([0.0, 1.0], 3) == [True] * 3 + [False] * 3


def test_no_mood_says_another_loudness(pieces):
    from tinysong.loudness import UNFIT
    from tinysong.saying import moods

    told = [(score.shape, set(moods(score))) for score in pieces if score.shape in UNFIT]
    assert sum(not UNFIT[shape].isdisjoint(said) for shape, said in told) <= len(told) // 20
