"""A recording is known again, in another encoding and in a stretch; another one is not taken for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile

import numpy as np
import pytest
from recordings import RATE, encoded, mp3, music

from muscgen.errors import ConfigurationError, UnreadableAudio
from muscgen.intake.fingerprint import fingerprint, numbers
from muscgen.rights.recordings import Recording, Recordings, read, text_of

chromaprint = pytest.importorskip("chromaprint", reason="needs libchromaprint", exc_type=ImportError)


def taken(content):
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return fingerprint(file)


@pytest.fixture(scope="module")
def songs():
    return {f"song {seed}": music(seed) for seed in range(2)}


@pytest.fixture(scope="module")
def entries(songs):
    return [Recording(name, 20.0, taken(encoded(samples)).decode()) for name, samples in songs.items()]


@pytest.fixture
def listed(entries, tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_text(text_of(entries), "utf-8")
    return path


def noisy(samples):
    return samples + np.random.default_rng(0).normal(0, 0.1 * samples.std(), len(samples))


WAYS = {
    "whole": encoded,
    "mp3": mp3,
    "quieter": lambda samples: encoded(0.05 * samples),
    "noisy": lambda samples: encoded(noisy(samples)),
    "stereo": lambda samples: encoded(np.stack([samples, 0.7 * samples], 1), "FLAC"),
    "a stretch of 7 s": lambda samples: encoded(samples[5 * RATE + 321 : 12 * RATE]),
    "a stretch among other music": lambda samples: encoded(
        np.concatenate([music(98, 6.0), samples[3 * RATE + 77 : 13 * RATE], music(99, 6.0)])
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_recording_is_known_again(songs, listed, way):
    assert Recordings([listed]).find(taken(WAYS[way](songs["song 1"]))) == "song 1"


def test_a_recording_is_known_again_where_no_whole_number_of_it_is_left(listed, songs):
    whole = numbers(taken(encoded(songs["song 1"])))
    changed = whole ^ (np.uint32(1) << (np.arange(len(whole), dtype=np.uint32) % 32))
    packed = chromaprint.encode_fingerprint(changed.view(np.int32).tolist(), 1)
    assert not np.isin(numbers(packed), whole).any()
    assert Recordings([listed]).find(packed) == "song 1"


def test_other_music_is_not_taken_for_it(listed):
    recordings = Recordings([listed])
    assert [recordings.find(taken(encoded(music(seed)))) for seed in range(50, 54)] == [None] * 4


def test_silence_and_tones_are_nobodys_recording(listed, tmp_path):
    tone = 0.3 * np.sin(np.arange(20 * RATE) * 0.05)
    for name, samples in (("silence", np.zeros(20 * RATE)), ("a tone", tone)):
        entry = Recording(name, 20.0, taken(encoded(samples)).decode())
        path = tmp_path / "dull.jsonl"
        path.write_text(text_of([entry]))
        assert Recordings([listed, path]).find(taken(encoded(samples))) is None


def test_what_is_too_short_is_not_judged(listed, songs):
    assert Recordings([listed]).find(taken(encoded(songs["song 0"][: 2 * RATE]))) is None


def test_a_list_is_read_again_when_it_changes(listed, songs):
    recordings, asked = Recordings([listed]), taken(encoded(songs["song 1"]))
    assert recordings.find(asked) == "song 1"
    listed.write_text(text_of(entry for entry in read(listed) if entry.name != "song 1"), "utf-8")
    assert recordings.find(asked) is None


def test_several_lists_count_together(listed, tmp_path, songs):
    more = tmp_path / "more.jsonl"
    more.write_text(text_of([Recording("another", 20.0, taken(encoded(music(7))).decode())]))
    recordings = Recordings([listed, more])
    assert recordings.find(taken(encoded(music(7)))) == "another"
    assert recordings.find(taken(encoded(songs["song 1"]))) == "song 1"


@pytest.mark.parametrize("line", ["no json", "{}", '{"name": "a", "seconds": 1, "fingerprint": "%%"}', "[1]"])
def test_a_line_that_is_no_recording_is_named(tmp_path, line):
    path = tmp_path / "list.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(ConfigurationError, match="line 2 is no recording"):
        Recordings([path])


def test_a_list_that_is_missing_is_an_error_rather_than_no_list(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        Recordings([tmp_path / "missing.jsonl"])


def test_without_chromaprint_a_list_is_an_error_rather_than_ignored(listed, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "chromaprint", None)
    with pytest.raises(ConfigurationError, match="Chromaprint") as refusal:
        Recordings([listed])
    assert "muscgen[fingerprint]" in refusal.value.suggestion
    assert not Recordings([])


def test_what_cannot_be_decoded_has_no_fingerprint():
    with pytest.raises(UnreadableAudio):
        taken(b"no sound")


@pytest.mark.skipif(shutil.which("fpcalc") is None, reason="needs fpcalc")
def test_a_fingerprint_is_what_fpcalc_says(tmp_path, songs):
    path = tmp_path / "song.wav"
    path.write_bytes(encoded(songs["song 1"]))
    said = subprocess.run(["fpcalc", "-json", "-length", "0", path], check=False, capture_output=True).stdout
    assert json.loads(said)["fingerprint"].encode() == taken(path.read_bytes())
