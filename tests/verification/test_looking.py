"""What is heard in a file, of any length, and what is not."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
import soundfile
import soxr

from muscgen.audio import Audio
from muscgen.finishing.encode import encode
from muscgen.intake import Limits, listening
from muscgen.provenance.marks import Marks, marks_of
from muscgen.provenance.sound import sound_digest
from muscgen.provenance.trust import NOBODY
from muscgen.provenance.watermark import Payload, embed
from muscgen.provenance.watermarkers import Heard
from muscgen.settings import load
from muscgen.verification import Known, known_of, look, looking

OLD, NEW = "1:" + "a1" * 32, "2:" + "b2" * 32


def music(seconds, rate=32_000, seed=4, channels=1):
    dice = np.random.default_rng(seed)
    beat = np.exp(-6 * (np.arange(round(seconds * rate)) / rate % 0.4))
    return Audio((0.2 * beat * dice.standard_normal((channels, beat.size))).astype(np.float32), rate)


@pytest.fixture
def marks(tmp_path):
    return marks_of((OLD, NEW), tmp_path)


def marked(audio, marks, song=7, version=2):
    return embed(audio, marks.secrets[version], Payload(marks.deployment, version, song))


def joined(*parts):
    return Audio(np.concatenate([part.samples for part in parts], axis=1), parts[0].sample_rate)


def test_what_a_file_is(file, marks):
    content = encode(marked(music(12.0), marks), "flac")
    found = look(file(content), Known(marks, NOBODY, NOBODY))
    assert (found.sha256, found.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert found.sound_sha256 == sound_digest(io.BytesIO(content))
    assert (found.sound.content_type, found.sound.duration_s, found.why) == ("audio/flac", 12.0, "")
    assert found.payloads == (Payload(marks.deployment, 2, 7).hex(),)


def test_every_key_that_there_ever_was_is_tried(file, marks):
    for version in (1, 2):
        found = look(
            file(encode(marked(music(12.0), marks, 7, version), "wav")), Known(marks, NOBODY, NOBODY)
        )
        assert found.marks[0].key == version


def test_a_stretch_of_ours_in_something_longer_is_found_with_its_place(file, marks):
    ours = marked(music(25.0, seed=5), marks)
    whole = joined(music(95.0, seed=6), ours, music(10.0, seed=7))
    (heard,) = look(file(encode(whole, "mp3")), Known(marks, NOBODY, NOBODY)).marks
    assert heard.job == 7
    assert 75 <= heard.start_s <= 120


def test_of_several_songs_the_clearest_is_named(file, marks):
    songs = [marked(music(40.0, seed=number), marks, number) for number in (1, 2)]
    (heard,) = look(file(encode(joined(*songs), "wav")), Known(marks, NOBODY, NOBODY)).marks
    assert heard.job in (1, 2)


def test_a_longer_file_is_listened_to_piece_by_piece(file, marks, monkeypatch):
    monkeypatch.setattr(looking, "PIECE_S", 60.0)
    songs = [marked(music(60.0, seed=number), marks, number) for number in (1, 2)]
    found = look(file(encode(joined(*songs), "wav")), Known(marks, NOBODY, NOBODY))
    assert {heard.job: heard.start_s > 30 for heard in found.marks} == {1: False, 2: True}


def test_what_is_played_faster_is_found(file, marks):
    audio = marked(music(30.0), marks)
    faster = Audio(soxr.resample(audio.samples.T, 32_000 * 1.02, 32_000).T, 32_000)
    (heard,) = look(file(encode(faster, "wav")), Known(marks, NOBODY, NOBODY)).marks
    assert heard.job == 7
    assert heard.tempo == pytest.approx(1.02, abs=0.006)


def test_other_keys_hear_nothing(file, marks, tmp_path):
    others = marks_of(("1:" + "c3" * 32,), tmp_path)
    found = look(file(encode(marked(music(12.0), marks), "wav")), Known(others, NOBODY, NOBODY))
    assert found.marks == ()
    assert look(file(encode(music(12.0), "wav")), Known(None, NOBODY, NOBODY)).sound is not None


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF" + b"\0" * 40])
def test_what_is_no_sound_says_why(file, marks, content):
    found = look(file(content), Known(marks, NOBODY, NOBODY))
    assert (found.sound, found.marks) == (None, ())
    assert found.why


def test_pieces_are_the_sound_and_overlap(file):
    audio = music(5.0, rate=16_000, channels=2)
    content = io.BytesIO()
    soundfile.write(content, audio.samples.T, 16_000, format="WAV", subtype="FLOAT")
    with listening(file(content.getvalue()), rate_hz=16_000, piece_s=2.0, overlap_s=0.5) as (sound, parts):
        pieces = list(parts)
    assert (sound.duration_s, sound.channels) == (5.0, 2)
    assert [piece.samples.shape[1] for piece in pieces] == [32_000, 32_000, 32_000]
    np.testing.assert_allclose(pieces[1].samples, audio.samples[:, 24_000:56_000], atol=1e-6)
    np.testing.assert_allclose(pieces[2].samples, audio.samples[:, 48_000:], atol=1e-6)


@pytest.mark.parametrize(("channels", "mixed"), [(1, 1), (2, 2), (6, 1)])
def test_many_channels_are_mixed_and_the_rate_is_the_one_asked_for(file, channels, mixed):
    content = io.BytesIO()
    soundfile.write(content, music(3.0, 44_100, channels=channels).samples.T, 44_100, format="WAV")
    with listening(file(content.getvalue()), rate_hz=16_000, piece_s=10.0) as (_, parts):
        (piece,) = parts
    assert (piece.channels, piece.sample_rate) == (mixed, 16_000)
    assert abs(piece.samples.shape[1] - 48_000) < 200


def test_too_long_a_sound_is_not_listened_to(file, marks):
    found = look(file(encode(music(3.0), "wav")), Known(marks, NOBODY, NOBODY), Limits(max_s=2.0))
    assert found.sound is None
    assert "longer than 2 s" in found.why


def test_checking_makes_no_keys(tmp_path):
    settings = load({"MUSCGEN_HOME": str(tmp_path)})
    assert known_of(settings) == Known(None, NOBODY, NOBODY)
    assert list(tmp_path.iterdir()) == []
    marks_of((), settings.watermark_path)
    assert list(known_of(settings).marks.secrets) == [1]


def test_another_method_is_listened_for_at_its_own_rate_and_ours_comes_first(file, marks):
    class Other:
        """Hears itself in whatever has sound above our own grid."""

        method, rate_hz = "other-40", 44_100

        def stream(self, payload, *, sample_rate, channels):
            raise NotImplementedError

        def find(self, audio, *, warped=True):  # noqa: ARG002
            assert audio.sample_rate == 44_100
            high = np.abs(np.fft.rfft(audio.samples[0]))[round(10_000 * audio.samples.shape[1] / 44_100) :]
            return Heard("other-40", 99.0, deployment=3, job=5) if high.max() > 1 else None

    both = Known(Marks(marks.secrets, Other()), NOBODY, NOBODY)
    found = look(file(encode(marked(music(12.0, 44_100), marks), "wav")), both)
    assert [(heard.method, heard.job) for heard in found.marks] == [("muscgen-1", 7), ("other-40", 5)]
    ours, *others = found.payloads
    assert ours == Payload(marks.deployment, 2, 7).hex()
    assert others == [Payload(3, version, 5).hex() for version in (2, 1)]  # it does not say which


def test_what_marks_songs_elsewhere_need_not_be_here_to_check_files(tmp_path):
    settings = load({"MUSCGEN_HOME": str(tmp_path), "MUSCGEN_WATERMARK_METHOD": "silentcipher"})
    marks_of((), settings.watermark_path)
    known = known_of(settings)
    assert known.marks.methods == ["muscgen-1"]
    assert "silentcipher needs the folder of its weights" in known.unheard
