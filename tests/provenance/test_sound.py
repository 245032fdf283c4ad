"""One digest for one sound, whatever is said of it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from muscgen.audio import Audio
from muscgen.finishing.encode import encode
from muscgen.finishing.tags import tag
from muscgen.provenance.credentials import sign
from muscgen.provenance.origin import Origin
from muscgen.provenance.signing import signer_of
from muscgen.provenance.sound import sound_digest
from muscgen.settings import load

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")
DICE = np.random.default_rng(3)
SOUND = Audio((0.2 * DICE.standard_normal((2, 24_000))).astype(np.float32), 48_000)


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return signer_of(load({"MUSCGEN_HOME": str(tmp_path_factory.mktemp("home"))}))


def digest(content):
    return sound_digest(io.BytesIO(content))


@pytest.mark.parametrize("encoding", FORMATS)
def test_tags_and_credentials_leave_the_digest_alone(encoding, signer):
    plain = encode(SOUND, encoding)
    tagged = tag(plain, encoding, {"title": "x" * 300, "producer": "Acme"}, "7")
    signed = sign(tagged, encoding, Origin("t", "m", "r", "0011"), signer).content
    again = sign(signed, encoding, Origin("t", "m", "r"), signer).content
    assert len({digest(each) for each in (plain, tagged, signed, again)}) == 1
    assert digest(plain) is not None


@pytest.mark.parametrize("encoding", FORMATS)
def test_the_least_change_of_the_sound_is_another_digest(encoding):
    content = encode(SOUND, encoding)
    for at in (len(content) - 200, len(content) // 2):
        other = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        assert digest(other) != digest(content)
    assert digest(content[:-100]) != digest(content)


@pytest.mark.parametrize("encoding", ["ogg", "opus"])
def test_how_packets_are_laid_on_pages_does_not_matter(encoding):
    content = tag(encode(SOUND, encoding), encoding, {"title": "x"})
    longer = tag(content, encoding, {"title": "x" * 100_000})  # headers of two pages
    assert digest(longer) == digest(content)


def test_what_other_programs_write_around_the_sound_does_not_matter():
    mp3, wav = encode(SOUND, "mp3"), encode(SOUND, "wav")
    id3 = b"ID3\x04\0\x10\0\0\0\x05" + b"12345" + b"3DI\x04\0\x10\0\0\0\x05"  # with a footer
    assert digest(id3 + mp3 + b"TAG" + b"\0" * 125) == digest(mp3)
    assert digest(id3 + id3 + mp3) == digest(mp3)
    odd = b"note" + struct.pack("<I", 3) + b"abc\0"
    assert digest(wav[:12] + odd + wav[12:] + odd) == digest(wav)


def test_the_rate_is_part_of_the_sound():
    slower = io.BytesIO()
    pcm = soundfile.read(io.BytesIO(encode(SOUND, "wav")), dtype="int16")[0]
    soundfile.write(slower, pcm, 44_100, format="WAV", subtype="PCM_16")
    assert digest(slower.getvalue()) not in (None, digest(encode(SOUND, "wav")))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\x7fabc",
        b"fLaC",
        b"fLaC\0",
        b"fLaC\x80\0\0\x22abc",
        b"OggS",
        b"OggS" + bytes(22) + b"\x05abc",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        b"\xff",
    ],
)
def test_what_is_no_sound_or_ends_too_soon_has_none(content):
    assert digest(content) is None
