"""Content credentials of files from outside: read, checked, and kept for the songs made with them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from c2pa_files import Studio

from muscgen.errors import UnreadableAudio
from muscgen.intake import Limits, confined, credentials_of
from muscgen.intake.credentials import ingredient_of
from muscgen.provenance.trust import NOBODY, Trust

TONE = (0.3 * np.sin(np.arange(16_000 * 2) * 0.05)).astype(np.float32)
NO_TRAINING = {
    "label": "cawg.training-mining",
    "data": {"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}}},
}


@pytest.fixture(scope="module")
def studio():
    return Studio()


def sound(kind="WAV", **more):
    out = io.BytesIO()
    soundfile.write(out, TONE, 16_000, format=kind, **more)
    return out.getvalue()


def damaged(content):
    """One bit of the sound is another."""
    at = len(content) - len(content) // 8
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_what_others_say_of_their_file_is_read(file, studio):
    found = credentials_of(file(studio.signed(sound(), "audio/wav", NO_TRAINING)))
    assert (found.state, found.trusted_by, found.changed, found.problems) == ("valid", None, False, ())
    assert found.signer["issuer"] == "Other Studio"
    assert found.source_types == ("digitalCapture",)
    assert found.assertions("cawg.training-mining") == [NO_TRAINING["data"]]
    assert found.manifest["title"] == "A recording"


def test_they_are_trusted_by_whoever_vouches_for_their_signer(file, studio):
    content = file(studio.signed(sound()))
    stranger = Studio("Stranger").anchor
    assert credentials_of(content, [Trust(stranger)]).trusted_by is None
    assert credentials_of(content, [Trust(stranger), Trust(studio.anchor)]).trusted_by == 1
    assert credentials_of(content, [NOBODY, Trust(studio.anchor)]).trusted_by == 1


def test_a_signer_may_be_trusted_for_itself_alone(file, studio):
    content, other = file(studio.signed(sound())), Studio("Other Studio")
    assert credentials_of(content, [Trust(signers=studio.certificate)]).trusted_by == 0
    assert credentials_of(content, [Trust(signers=other.certificate)]).trusted_by is None
    assert credentials_of(content, [Trust(other.anchor, studio.certificate)]).trusted_by == 0
    assert credentials_of(file(other.signed(sound())), [Trust(signers=studio.certificate)]).trusted_by is None


@pytest.mark.parametrize(
    ("kind", "content_type"), [("WAV", "audio/wav"), ("FLAC", "audio/flac"), ("MP3", "audio/mpeg")]
)
def test_one_changed_bit_is_seen(file, studio, kind, content_type):
    content = studio.signed(sound(kind), content_type)
    assert credentials_of(file(content), [Trust(studio.anchor)]).trusted_by == 0
    found = credentials_of(file(damaged(content)), [Trust(studio.anchor)])
    assert (found.state, found.trusted_by, found.changed) == ("invalid", 0, True)
    assert "assertion.dataHash.mismatch" in found.problems


def test_a_sidecar_speaks_of_its_file_alone(file, studio):
    content = sound("OGG", subtype="VORBIS")
    sidecar = studio.signed(content, "audio/ogg", sidecar=True)
    assert credentials_of(file(content)).state == "absent"
    assert credentials_of(file(content), [Trust(studio.anchor)], sidecar=sidecar).trusted_by == 0
    assert credentials_of(file(damaged(content)), sidecar=sidecar).changed
    assert credentials_of(file(content), sidecar=b"no manifest").state == "unreadable"


@pytest.mark.parametrize("content", [sound(), sound("OGG", subtype="OPUS"), b"", b"words " * 99])
def test_most_files_have_none(file, content):
    assert credentials_of(file(content)).state == "absent"


def test_cut_off_credentials_are_no_credentials(file, studio):
    content = studio.signed(sound("MP3"), "audio/mpeg")
    for length in (20, 200, 2_000, len(content) - 3_000):
        assert credentials_of(file(content[:length])).state in ("absent", "unreadable", "invalid")


def test_a_file_becomes_an_ingredient_whether_it_has_credentials_or_not(file, studio):
    described = {"label": "melody", "title": "melody"}
    without, small = ingredient_of(file(sound()), **described)
    with_them, large = ingredient_of(file(studio.signed(sound())), **described)
    assert (without.state, with_them.state) == ("absent", "valid")
    assert 0 < len(small) < len(large)


def test_a_file_that_kills_the_checker_is_refused(file, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    for code in (
        "import os; os.kill(os.getpid(), 11)",
        "print('{}')",
        "print('[1]')",
        "print('x' * 9000000)",
    ):
        child.write_text(code)
        monkeypatch.setattr(confined, "CHILD", child)
        with pytest.raises(UnreadableAudio, match="cannot be checked"):
            credentials_of(file(sound()))


def test_time_ends(file, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(confined, "CHILD", child)
    with pytest.raises(UnreadableAudio):
        credentials_of(file(sound()), limits=Limits(wall_s=0.3))
