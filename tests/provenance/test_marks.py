"""A deployment's marks: its keys, and what each song says."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.finishing.pipeline import finish
from muscgen.provenance.marks import Mark, marks_of
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Ours
from muscgen.request import Output, Sampling, SongRequest

SAMPLING = Sampling(temperature=1.0, top_k=250, top_p=0.0, guidance_scale=3.0)
OLD, NEW = "1:" + "a1" * 32, "2:" + "b2" * 32


def request(**fields):
    return SongRequest(
        **{"model": "m", "prompt": "rain", "duration_s": 6.0, "seed": 7, "sampling": SAMPLING} | fields
    )


def song(seconds=8.0, rate=32_000):
    dice = np.random.default_rng(4)
    beat = np.exp(-6 * (np.arange(round(seconds * rate)) / rate % 0.4))
    return Audio((0.2 * beat * dice.standard_normal(beat.size))[None].astype(np.float32), rate)


def test_keys_are_made_once_and_are_the_owners_alone(tmp_path):
    file = tmp_path / "keys" / "watermark"
    first = marks_of((), file)
    assert marks_of((), file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(first.secrets) == [1]
    assert [path.name for path in file.parent.iterdir()] == ["watermark"]


def test_workers_that_start_together_have_one_key(tmp_path):
    file = tmp_path / "keys" / "watermark"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: marks_of((), file), range(16)))
    assert all(marks == found[0] for marks in found)


def test_the_newest_key_writes_and_the_deployment_stays_itself(tmp_path):
    one, both = marks_of((OLD,), tmp_path), marks_of((NEW, OLD), tmp_path)
    assert one.deployment == both.deployment
    assert one.of(request(), 0, "r").payload.key_version == 1
    assert both.of(request(), 0, "r").payload.key_version == 2


@pytest.mark.parametrize(
    "keys",
    [("1",), ("x:" + "a1" * 32,), ("256:" + "a1" * 32,), ("1:zz",), ("1:a1",), (OLD, "1:" + "c3" * 32)],
)
def test_what_is_no_key_is_refused(keys, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        marks_of(keys, tmp_path / "none")
    assert caught.value.param == "watermark_keys"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="watermark"):
        marks_of((), tmp_path / "keys" / "watermark")


def test_equal_songs_have_equal_marks_whatever_they_are_put_into(tmp_path):
    marks = marks_of((OLD,), tmp_path)
    mark = marks.of(request(), 0, "r")
    assert marks.of(request(output=Output(format="mp3"), metadata={"a": "b"}), 0, "r") == mark
    assert marks.of(request(seed=6, n=2), 1, "r") == mark
    others = [request(seed=8), request(prompt="sun"), request(duration_s=7.0), request(model="other")]
    assert all(marks.of(other, 0, "r") != mark for other in others)
    assert marks.of(request(), 0, "another revision") != mark


@pytest.mark.parametrize("encoding", ["wav", "flac", "mp3", "ogg", "opus"])
def test_every_file_carries_the_mark_and_says_so(encoding, tmp_path):
    mark = marks_of((OLD,), tmp_path).of(request(), 0, "r")
    finished = finish(song(), Output(format=encoding), {}, mark)
    assert finished.watermark is not None
    assert finished.watermark["payload"] == mark.payload.hex()
    assert finished.watermark["detected"] is True
    found = mark.by.find(finished.audio)
    assert found is not None
    assert found.agrees(mark.payload)


def test_a_song_too_short_for_a_mark_says_so_without_a_warning(tmp_path):
    mark = marks_of((OLD,), tmp_path).of(request(), 0, "r")
    finished = finish(song(1.0), Output(), {}, mark)
    assert finished.watermark is not None
    assert finished.watermark["detected"] is False
    assert not [warning for warning in finished.warnings if "watermark" in warning]


def test_a_mark_that_is_not_heard_is_warned_of():
    class Mute(Mark):
        def write(self, audio):
            return audio

    finished = finish(song(), Output(), {}, Mute(Ours({2: b"s" * 32}), Payload(1, 2, 3)))
    assert "watermark: it is not heard in the file" in finished.warnings


def test_without_marks_nothing_is_said():
    assert finish(song(), Output()).watermark is None
