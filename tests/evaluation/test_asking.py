"""What prompts ask for, and whether a sound is it."""

import numpy as np
import pytest

from muscgen.audio import Audio
from muscgen.errors import InvalidRequest
from muscgen.evaluation import adherence, prompts
from muscgen.evaluation.adherence import Heard
from muscgen.evaluation.asked import Asked, asked_in, key_in
from muscgen.evaluation.families import FAMILIES


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (
            "upbeat funk with slap bass and drums, 125 bpm, A minor",
            Asked(125.0, (9, "minor"), frozenset({"bass", "drums"})),
        ),
        ("sad violin over strings in Db major, slow", Asked(None, (1, "major"), frozenset({"string"}))),
        (
            "lofi, electric piano, no drums, without any bass",
            Asked(None, None, frozenset({"keyboard"}), frozenset({"drums", "bass"})),
        ),
        ("drum and bass, 174 BPM", Asked(174.0)),
        ("a minor change in the weather", Asked()),
        ("F# minor, 87.5bpm, saxophone", Asked(87.5, (6, "minor"), frozenset({"reed"}))),
        ("E flat maj organ", Asked(None, (3, "major"), frozenset({"organ"}))),
        ("a ballad in C Major", Asked(key=(0, "major"))),
        ("A Minor, 90 bpm", Asked(90.0, (9, "minor"))),
        ("in B-Flat MAJ", Asked(key=(10, "major"))),
        ("bass guitar and bass drum", Asked(families=frozenset({"bass", "drums"}))),
        ("00 bpm", Asked()),
    ],
)
def test_words_ask_for_tempo_key_and_instruments(words, asked):
    assert asked_in(words) == asked


@pytest.mark.parametrize(
    ("words", "wanted", "unwanted"),
    [
        ("rock, no electric guitar", "", "guitar"),
        ("no vocals or drums", "", "drums voice"),
        ("without drums or bass, soft piano", "keyboard", "bass drums"),
        ("no drums and bass", "", "bass drums"),
        ("no drums, loud guitars or vocals", "", "drums guitar voice"),
        ("without the drums, bass, and vocals", "", "bass drums voice"),
        ("no drum kit or tubular bells, flute", "flute", "drums mallet"),
        ("no  vocals/drums", "", "drums voice"),
        ("neither drums nor bass", "", "bass drums"),
        ("no 80s drums", "", "drums"),
        ("no synth bass, organ", "organ", "bass"),
        ("no drums, piano and strings", "keyboard string", "drums"),
        ("no drums and a soft piano", "keyboard", "drums"),
        ("no drums but piano", "keyboard", "drums"),
        ("no vocals piano ballad", "keyboard", "voice"),
        ("no vocals, drum and bass, piano", "keyboard", "voice"),
        ("piano no. 2 with guitar", "guitar keyboard", ""),
        ("no vocals and acoustic guitar", "guitar", "voice"),
        ("ambient without drums, warm pads & soft piano", "keyboard synth", "drums"),
        ("techno without vocals, deep bass and hi-hats", "bass drums", "voice"),
        ("clean guitar, no distorted guitar", "guitar", ""),
        ("female vocals, no male vocals, no electric piano", "voice", "keyboard"),
        ("jazz trio piano bass drums", "bass drums keyboard", ""),
        ("no " + ", ".join(["electric piano"] * 100), "", "keyboard"),  # and that at once
    ],
)
def test_a_no_reaches_over_an_adjective_and_along_a_list(words, wanted, unwanted):
    asked = asked_in(words)
    assert (" ".join(sorted(asked.families)), " ".join(sorted(asked.without))) == (wanted, unwanted)


def heard(bpm=None, key=None, **families):
    return Heard(bpm, key, {name: families.get(name, 0.0) for name in FAMILIES})


@pytest.mark.parametrize(
    ("bpm", "exact", "octave"), [(124.9, 1, 1), (121.0, 1, 1), (62.4, 0, 1), (250.0, 0, 1), (90.0, 0, 0)]
)
def test_half_and_double_tempo_are_right_only_where_that_is_said(bpm, exact, octave):
    asked = Asked(bpm=125.0)
    assert adherence.tempo(heard(bpm), asked) == exact
    assert adherence.tempo_octave(heard(bpm), asked) == octave
    assert adherence.tempo(heard(), asked) == 0


@pytest.mark.parametrize(
    ("key", "points"),
    [
        ("A minor", 1.0),
        ("E minor", 0.5),
        ("D minor", 0.5),
        ("C major", 0.3),
        ("A major", 0.2),
        ("Eb major", 0.0),
        (None, 0.0),
    ],
)
def test_near_keys_count_as_mirex_counts_them(key, points):
    assert adherence.key_near(heard(key=key), Asked(key=(9, "minor"))) == points


def test_the_relative_minor_of_a_major_key_is_three_steps_below():
    assert adherence.key_near(heard(key="A minor"), Asked(key=key_in("C major"))) == 0.3


def test_families_that_sound_are_counted_and_those_that_shall_not():
    song = heard(bass=1.0, drums=1.0)
    asked = Asked(families=frozenset({"bass", "flute"}), without=frozenset({"drums", "voice"}))
    assert adherence.instruments(song, asked) == 0.5
    assert adherence.absent(song, asked) == 0.5


def test_a_rate_is_told_beside_that_of_exchanged_prompts():
    pairs = [(heard(bpm), Asked(bpm=bpm)) for bpm in (60.0, 95.0, 130.0)]
    rate = adherence.rates(pairs)["tempo"]
    assert (rate.value, rate.exchanged, rate.songs) == (1.0, 0.0, 3)
    same = [(heard(100.0), Asked(bpm=bpm)) for bpm in (60.0, 100.0)]
    assert adherence.rates(same)["tempo"].exchanged == 0.5
    assert "key" not in adherence.rates(pairs)


def beats(bpm, seconds=10.0, rate=16_000):
    """Clicks on a chord of A minor."""
    time = np.arange(round(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 261.63, 329.63, 440.0))
    envelope = np.exp(-8 * (time % (60 / bpm)))
    return Audio((0.1 * chord * envelope)[None].astype(np.float32), rate)


def test_tempo_and_key_of_a_sound_are_heard():
    found = adherence.listen(beats(96))
    asked = Asked(bpm=96.0, key=(9, "minor"))
    assert adherence.tempo(found, asked) == 1
    assert adherence.key(found, asked) == 1
    assert adherence.key(found, Asked(key=(3, "minor"))) == 0
    assert set(found.families) == set(FAMILIES)
    assert found == adherence.listen(beats(96))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.txt", "# mine\nlofi piano\n\ntechno, 130 bpm\n"),
        ("p.jsonl", '{"prompt": "lofi piano"}\n{"prompt": "techno, 130 bpm"}\n'),
        ("p.csv", 'ytid,caption\n1,lofi piano\n2,"techno, 130 bpm"\n'),
    ],
)
def test_prompts_are_read_from_texts_lines_and_tables(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = prompts.read(tmp_path / name)
    assert [prompt.prompt for prompt in found] == ["lofi piano", "techno, 130 bpm"]
    assert found[1].asked.bpm == 130


def test_a_prompt_may_hold_ends_of_lines(tmp_path):
    (tmp_path / "p.CSV").write_text('caption\n"lofi\npiano"\ntechno\n')
    assert [prompt.prompt for prompt in prompts.read(tmp_path / "p.CSV")] == ["lofi\npiano", "techno"]
    (tmp_path / "p.jsonl").write_text('{"prompt": "lofi\u2028piano"}\n')
    assert [prompt.prompt for prompt in prompts.read(tmp_path / "p.jsonl")] == ["lofi\u2028piano"]


def test_a_sound_has_one_name_however_it_is_written(tmp_path):
    (tmp_path / "p.jsonl").write_text('{"prompt": "x", "file": "./0.wav", "reference": "funk//12.flac"}')
    found = prompts.read(tmp_path / "p.jsonl")[0]
    assert (found.file, found.reference) == ("0.wav", "funk/12.flac")


def test_what_is_told_beside_the_words_goes_before_them(tmp_path):
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "fast piano, 130 bpm", "bpm": 65, "key": "D minor", "families": []}')
    assert prompts.read(file)[0].asked == Asked(65.0, (2, "minor"))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"prompt": ""}', "prompt"),
        ('{"prompt": "x", "key": "H minor"}', "key"),
        ('{"prompt": "x", "families": ["kazoo"]}', "families"),
        ('{"prompt": "x", "tempo": 3}', "tempo"),
        ('{"prompt": "x", "file": "/tmp/0.wav"}', "file.*not below the folder"),
        ('{"prompt": "x", "file": "songs/../../0.wav"}', "file.*not below the folder"),
        ('{"prompt": "x", "reference": "../0.wav"}', "reference.*not below the folder"),
        ("{", "no JSON"),
        ("[]", "no object"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_field(tmp_path, line, named):
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "fine"}\n' + line)
    with pytest.raises(InvalidRequest, match=f"line 2.*{named}") as caught:
        prompts.read(file)
    assert caught.value.param == "prompts"


def test_a_file_without_prompts_is_refused(tmp_path):
    (tmp_path / "p.txt").write_text("# nothing\n")
    with pytest.raises(InvalidRequest, match="no prompt"):
        prompts.read(tmp_path / "p.txt")
