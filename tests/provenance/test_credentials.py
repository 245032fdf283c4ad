"""What a song's credentials say, and that nobody changes the song unseen."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError, Unavailable
from muscgen.finishing.encode import decode, encode
from muscgen.finishing.pipeline import finish
from muscgen.intake import credentials_of
from muscgen.intake.credentials import ingredient_of
from muscgen.provenance.certificates import Chain, new_leaf, new_root, pem_of
from muscgen.provenance.credentials import SOFT_BINDINGS, prove, sign
from muscgen.provenance.origin import Input, Origin
from muscgen.provenance.papers import Seal, papers_of
from muscgen.provenance.signing import Signer, signer_of
from muscgen.provenance.trust import own_trust
from muscgen.request import Output
from muscgen.request.parts import Consent
from muscgen.settings import load

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")
EMBEDDED = ("wav", "flac", "mp3")
DICE = np.random.default_rng(3)
SOUND = Audio((0.2 * DICE.standard_normal((2, 24_000))).astype(np.float32), 48_000)
ORIGIN = Origin("muscgen-tiny, seed 7", "muscgen-tiny", "ab" * 32, "b69e010a0b0c")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return load({"MUSCGEN_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def signer(home):
    return signer_of(home)


@pytest.fixture
def read(tmp_path, home):
    """What anybody reads in a file who trusts its maker."""

    def reading(content, sidecar=None):
        path = tmp_path / "file"
        path.write_bytes(content)
        with path.open("rb") as file:
            return credentials_of(file, [own_trust(home)], sidecar=sidecar)

    return reading


@pytest.mark.parametrize("encoding", FORMATS)
def test_tags_with_the_chinese_field_are_written_before_the_file_is_signed(encoding, read, signer):
    seal = Seal(ORIGIN, signer)
    finished = finish(SOUND, Output(format=encoding), {"producer": "Acme"}, None, seal)
    assert b"AIGC" in finished.content
    assert read(finished.content, finished.sidecar).state == "valid"


@pytest.mark.parametrize("name", SOFT_BINDINGS.values())
def test_names_of_watermarks_are_as_the_list_of_algorithms_wants_them(name):
    # softbinding-algorithm-list.schema.json, of C2PA 2.3
    assert re.fullmatch(r"[A-Za-z]{2,63}(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+\.?", name)


def all_words(found):
    return json.dumps(found.manifest)


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_song_says_what_made_it_and_is_trusted(encoding, signer, read):
    signed = sign(encode(SOUND, encoding), encoding, ORIGIN, signer)
    assert (signed.sidecar is None) == (encoding in EMBEDDED)
    found = read(signed.content, signed.sidecar)
    assert (found.state, found.trusted_by, found.problems) == ("valid", 0, ())
    created, marked = found.actions
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert created["softwareAgent"] == {"name": "muscgen-tiny", "version": "ab" * 32}
    assert marked["action"] == "c2pa.watermarked.bound"
    (binding,) = found.assertions("c2pa.soft-binding")
    assert (binding["alg"], binding["blocks"][0]["value"]) == ("org.muscgen.1", "b69e010a0b0c")
    [mining] = found.assertions("cawg.training-mining")
    assert {entry["use"] for entry in mining["entries"].values()} == {"notAllowed"}
    assert found.manifest["title"] == f"muscgen-tiny, seed 7.{encoding}"
    assert "development key" in found.signer["issuer"]


@pytest.mark.parametrize("encoding", FORMATS)
def test_signing_changes_no_sample(encoding, signer):
    plain = encode(SOUND, encoding)
    np.testing.assert_array_equal(
        decode(sign(plain, encoding, ORIGIN, signer).content).samples, decode(plain).samples
    )


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_changed_byte_is_seen(encoding, signer, read):
    signed = sign(encode(SOUND, encoding), encoding, ORIGIN, signer)
    for at in (len(signed.content) // 2, len(signed.content) - 1):
        other = signed.content[:at] + bytes([signed.content[at] ^ 1]) + signed.content[at + 1 :]
        found = read(other, signed.sidecar)
        assert (found.state, found.changed) == ("invalid", True)


def test_a_song_without_a_watermark_speaks_of_none(signer, read):
    found = read(sign(encode(SOUND, "wav"), "wav", Origin("t", "m", "r"), signer).content)
    assert [action["action"] for action in found.actions] == ["c2pa.created"]
    assert found.assertions("c2pa.soft-binding") == []
    assert found.state == "valid"


def test_sound_from_outside_is_named_by_hash_with_its_consent_and_not_its_words(signer, read, tmp_path):
    path = tmp_path / "upload.wav"
    path.write_bytes(encode(SOUND, "wav"))
    with path.open("rb") as file:
        _, ingredient = ingredient_of(file, label="melody", title="cd" * 32)
    consent = Consent(basis="licensed", reference="contract with Ada Lovelace")
    part = Input("melody", "cd" * 32, 0.0, 3.0, consent, ingredient)
    found = read(sign(encode(SOUND, "flac"), "flac", Origin("t", "m", "r", inputs=(part,)), signer).content)
    assert found.state == "valid"
    assert found.source_types == ("compositeWithTrainedAlgorithmicMedia",)
    (used,) = found.manifest["ingredients"]
    assert (used["title"], used["relationship"]) == ("cd" * 32, "inputTo")
    assert len(found.actions[0]["parameters"]["ingredients"]) == 1
    (own,) = found.assertions("org.muscgen.inputs")
    assert own["inputs"][0]["consent"]["basis"] == "licensed"
    assert len(own["inputs"][0]["consent"]["reference_sha256"]) == 64
    assert "Ada" not in all_words(found)


def test_an_earlier_song_of_ours_is_an_ingredient_with_its_own_credentials(signer, read, tmp_path):
    path = tmp_path / "earlier.wav"
    path.write_bytes(sign(encode(SOUND, "wav"), "wav", ORIGIN, signer).content)
    with path.open("rb") as file:
        _, ingredient = ingredient_of(file, label="prompt_audio", title="ef" * 32)
    part = Input("prompt_audio", "ef" * 32, 0.0, None, None, ingredient)
    found = read(sign(encode(SOUND, "mp3"), "mp3", Origin("t", "m", "r", inputs=(part,)), signer).content)
    assert found.state == "valid"
    assert found.source_types == ("trainedAlgorithmicMedia",)
    assert found.manifest["ingredients"][0]["active_manifest"]


def test_songs_signed_side_by_side_are_all_valid_and_soon_done(signer, read):
    content = encode(Audio(np.tile(SOUND.samples, 120), 48_000), "wav")  # a minute of stereo
    began = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        signed = list(pool.map(lambda _: sign(content, "wav", ORIGIN, signer), range(4)))
    assert time.perf_counter() - began < 4.0  # a second each; measured: 0.1
    assert len({each.content for each in signed}) == 4
    assert all(read(each.content).state == "valid" for each in signed)


def test_a_key_store_signs_what_a_key_signs(read, tmp_path):
    root = new_root("Acme")
    key, leaf = new_leaf(root, 1)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "key.pem").write_text(pem)
    chain = pem_of(leaf) + pem_of(root[1])
    at_hand = signer_of(load({"MUSCGEN_SIGNING_KEY": pem, "MUSCGEN_SIGNING_CERTIFICATES": chain}))
    kms = Signer(at_hand.chain, at_hand.call)
    prove(kms)
    found = read(sign(encode(SOUND, "mp3"), "mp3", ORIGIN, kms).content)
    assert (found.state, found.signer["issuer"]) == ("valid", "Acme")


def test_a_key_store_that_is_away_is_waited_for_and_a_wrong_certificate_is_not(home):
    def away(message):
        raise OSError("no route")

    chain = signer_of(home).chain
    with pytest.raises(Unavailable, match="cannot be signed") as caught:
        sign(encode(SOUND, "wav"), "wav", ORIGIN, Signer(chain, away))
    assert caught.value.retryable
    _, root = new_root("Acme")
    with pytest.raises(ConfigurationError, match="cannot be signed with this certificate"):
        prove(Signer(Chain((root,)), signer_of(home).call))


def test_what_the_settings_leave_out_is_left_out_and_said(tmp_path, home):
    def papers(**given):
        return papers_of(load({"MUSCGEN_HOME": str(tmp_path)} | given))

    none = papers(MUSCGEN_CREDENTIALS="false", MUSCGEN_RECEIPTS="false", MUSCGEN_TAGS="false")
    assert none.off == ["tags", "credentials", "receipt"]
    assert (none.signer, none.seal(ORIGIN), none.signature) == (None, None, None)
    assert not (tmp_path / "keys").exists()
    receipts = papers(MUSCGEN_CREDENTIALS="false")
    assert (receipts.off, receipts.seal(ORIGIN)) == (["credentials"], None)
    full = papers()
    assert full.off == []
    assert full.signature["development"]
    assert len({none.name, receipts.name, full.name, papers_of(home).name}) == 4


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_finished_song_is_signed_last_of_all(encoding, home, read):
    papers = papers_of(home)
    finished = [
        finish(SOUND, Output(format=encoding), {"title": "Rain"}, None, papers.seal(ORIGIN)) for _ in range(2)
    ]
    assert all(read(each.content, each.sidecar).state == "valid" for each in finished)
    assert len({each.sound_sha256 for each in finished}) == 1
    assert len({each.content for each in finished}) == (2 if encoding in EMBEDDED else 1)
    assert all(each.one_of_a_kind == (encoding in EMBEDDED) for each in finished)
    plain = finish(SOUND, Output(format=encoding), {"title": "Rain"})
    assert plain.sound_sha256 == finished[0].sound_sha256
    assert (plain.signed, plain.sidecar, plain.one_of_a_kind) == (False, None, False)
