"""Sound from outside: what is taken, what is refused in words, and what a crafted file cannot do."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muscgen.errors import UnreadableAudio
from muscgen.intake import Limits, confined, decode, probe

TONE = (0.3 * np.sin(np.arange(16_000 * 2) * 0.05)).astype(np.float32)


def sound(samples=TONE, rate=16_000, **kind):
    out = io.BytesIO()
    soundfile.write(out, samples, rate, **({"format": "WAV"} | kind))
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"),
    [
        ({"format": "WAV"}, "audio/wav", "wav"),
        ({"format": "FLAC"}, "audio/flac", "flac"),
        ({"format": "MP3"}, "audio/mpeg", "mp3"),
        ({"format": "OGG"}, "audio/ogg", "ogg"),
        ({"format": "OGG", "subtype": "OPUS"}, "audio/ogg", "opus"),
        ({"format": "AIFF"}, "audio/aiff", "aiff"),
    ],
)
def test_what_a_file_is_follows_from_its_content(file, kind, content_type, extension):
    found = probe(file(sound(np.stack([TONE, -TONE], 1), **kind)))
    assert (found.content_type, found.extension, found.channels) == (content_type, extension, 2)
    assert found.duration_s == pytest.approx(2.0, abs=0.01)


def test_samples_that_would_overflow_later_are_refused(file):
    loud = TONE * 30_000  # floats that somebody scaled as 16-bit integers
    assert probe(file(sound(loud, subtype="FLOAT"))).channels == 1
    loud[5] = 3e38
    with pytest.raises(UnreadableAudio, match="beyond 65536 times full scale"):
        probe(file(sound(loud, subtype="FLOAT")))


def test_a_stretch_is_decoded_exact_to_the_sample(file):
    stereo = np.stack([TONE, TONE[::-1]], 1)
    heard = decode(file(sound(stereo, subtype="FLOAT")), start_s=0.25, end_s=1.5)
    assert heard.sample_rate == 16_000
    np.testing.assert_array_equal(heard.samples, stereo[4_000:24_000].T)


def test_a_place_in_the_file_is_neither_needed_nor_lost(file):
    opened = file(sound())
    opened.read(100)
    assert probe(opened).duration_s == 2.0
    assert opened.tell() == 100
    assert opened.read(4) == sound()[100:104]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no sound file"),
        (b"<html>not music</html>" * 50, "no sound file"),
        (sound()[:44], "no sound"),
        (sound(format="VOC", subtype="PCM_16"), "files of kind VOC are not taken"),
        (sound(rate=1_000), "1000 Hz; 4000 to 192000 Hz are allowed"),
        (sound(rate=400_000), "400000 Hz"),
        (sound(np.zeros((100, 9))), "9 channels; 1 to 8 are allowed"),
        (sound(np.full(500, np.nan, np.float32), subtype="FLOAT"), "not finite"),
    ],
)
def test_what_is_no_music_is_refused_in_words(file, content, words):
    with pytest.raises(UnreadableAudio, match=words) as caught:
        probe(file(content))
    assert (caught.value.status, caught.value.param) == (422, "file")


def test_a_long_sound_in_a_small_file_is_not_decoded_to_its_end(file):
    small = sound(np.zeros(16_000 * 90, np.float32), format="FLAC")
    assert len(small) < 40_000
    with pytest.raises(UnreadableAudio, match="longer than 60 s"):
        probe(file(small), Limits(max_s=60))


def test_after_the_end_there_is_no_sound(file):
    with pytest.raises(UnreadableAudio, match="no sound after 5 s"):
        decode(file(sound()), start_s=5.0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["WAV", "FLAC", "MP3", "OGG", "AIFF", "CAF"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=40),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(file, kind, damages):
    content = bytearray(sound(format=kind))
    for place, value in damages:
        content[min(int(place**4 * len(content)), len(content) - 1)] = value  # mostly in the header
    with contextlib.suppress(UnreadableAudio):
        assert probe(file(bytes(content))).duration_s > 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "cannot survive"),
        ("print('{')", "cannot survive"),
        ("print('[1]')", "cannot survive"),
        ("print('x' * 1_000_000, end='')", "cannot survive|too much time"),
        ("import time; time.sleep(60)", "too much time or memory"),
        ("while True: pass", "too much time or memory"),
    ],
)
def test_a_decoder_that_dies_hangs_or_babbles_is_a_refusal(file, tmp_path, monkeypatch, code, words):
    child = tmp_path / "child.py"
    child.write_text(code)
    monkeypatch.setattr(confined, "CHILD", child)
    with pytest.raises(UnreadableAudio, match=words):
        probe(file(sound()), Limits(wall_s=0.5))


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux alone")
def test_the_child_is_confined_before_it_looks():
    script = f"""
import runpy, resource
child = runpy.run_path({str(confined.CHILD)!r})
child["confine"](7, 300_000_000)
print(resource.getrlimit(resource.RLIMIT_CPU)[1], resource.getrlimit(resource.RLIMIT_CORE)[1])
try:
    bytearray(400_000_000)
except MemoryError:
    print("no memory")
try:
    open("/tmp/intake-escape", "wb", buffering=0).write(b"x")
except OSError:
    print("no file")
"""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + script,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:3] == ["7 0", "no memory", "no file"]


def test_neither_secrets_nor_files_reach_the_child(file, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(
        "import json, os\n"
        "seen = sorted(os.environ) + sorted(os.listdir('/proc/self/fd')) + [os.getcwd()]\n"
        "print(json.dumps({'refused': ' '.join(seen)}))\n"
    )
    monkeypatch.setattr(confined, "CHILD", child)
    monkeypatch.setenv("MUSCGEN_API_KEYS", "secret")
    with pytest.raises(UnreadableAudio) as caught:
        probe(file(sound()))
    assert "MUSCGEN" not in caught.value.detail
    assert caught.value.detail.endswith(" 0 1 2 3 /")  # 3 is the listing's own
