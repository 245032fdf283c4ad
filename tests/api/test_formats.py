"""Which format of sound an Accept header asks for."""

from __future__ import annotations

import pytest

from muscgen.api.formats import CONTENT_TYPES, choose, named
from muscgen.errors import NotAcceptable
from muscgen.finishing.encode import CONTAINERS

FIREFOX = (
    "audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,"
    "video/*;q=0.6; application/x,*/*;q=0.5"
)


def test_formats_are_called_as_in_files():
    assert {name: container.content_type for name, container in CONTAINERS.items()} == CONTENT_TYPES


@pytest.mark.parametrize(
    ("accept", "own", "chosen"),
    [
        ("", "flac", "flac"),
        ("*/*", "mp3", "mp3"),
        ("audio/*", "opus", "opus"),
        ("audio/mpeg", "wav", "mp3"),
        ("AUDIO/MPEG", "wav", "mp3"),
        ("audio/ogg", "wav", "ogg"),
        ("audio/ogg", "opus", "opus"),
        ("audio/ogg; codecs=opus", "ogg", "opus"),
        ('audio/ogg; codecs="vorbis"', "opus", "ogg"),
        ("audio/wav;q=0.5, audio/flac", "wav", "flac"),
        ("audio/flac;q=0.5, audio/mpeg;q=0.5", "wav", "flac"),
        ("audio/*;q=0.5, audio/wav;q=0.1", "wav", "flac"),
        ("audio/*, audio/mpeg;q=0", "mp3", "wav"),
        ("audio/aac, audio/x-wav;q=0.2", "mp3", "wav"),
        (FIREFOX, "mp3", "ogg"),
        (FIREFOX, "wav", "wav"),
    ],
)
def test_the_client_s_best_format_is_chosen_and_the_job_s_own_among_equals(accept, own, chosen):
    assert choose(accept, own) == chosen


@pytest.mark.parametrize(
    "accept", ["audio/aac", "audio/wav;q=0", "audio/ogg;codecs=speex", "text/html", "*/*;q=x"]
)
def test_a_format_there_is_not_is_refused_with_those_there_are(accept):
    with pytest.raises(NotAcceptable) as refused:
        choose(accept, "wav")
    assert refused.value.suggestion == "audio/wav, audio/flac, audio/mpeg, audio/ogg"
    with pytest.raises(NotAcceptable, match="format"):
        named("aac")
