"""One word for all checks together."""

from __future__ import annotations

import itertools

import pytest

from muscgen.errors import UnreadableAudio
from muscgen.intake import Credentials, Probe
from muscgen.provenance import receipt
from muscgen.provenance.marks import marks_of
from muscgen.provenance.signing import signer_of
from muscgen.provenance.trust import NOBODY, own_trust
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Heard
from muscgen.settings import load
from muscgen.verification import Check, Known, Look, report
from muscgen.verification.verdict import judged

SHA, SOUND, PAYLOAD = "ab" * 32, "cd" * 32, Payload(7, 1, 9)
PROBE = Probe("audio/wav", "wav", 32_000, 1, 12.0)
MANIFEST = {
    "title": "A song",
    "claim_generator_info": [{"name": "Recorder"}],
    "signature_info": {"issuer": "Acme", "common_name": "signer", "cert_serial_number": "1"},
}
WORDS = {
    "watermark": ("found", "named", "foreign", "absent", "not_checked"),
    "credentials": ("present", "absent", "unreadable"),
    "integrity": ("intact", "changed", "invalid", "not_checked"),
    "signer": ("ours", "trusted", "unknown", "not_checked"),
    "receipt": ("matches", "same_sound", "same_mark", "differs", "untrusted", "invalid", "absent"),
}
NOTHING = dict.fromkeys(("integrity", "signer"), "not_checked") | {
    "watermark": "absent",
    "credentials": "absent",
    "receipt": "absent",
}


def verdict(**results):
    return judged([Check(name, result, "") for name, result in (NOTHING | results).items()])[0]


@pytest.fixture
def home(tmp_path):
    return load({"MUSCGEN_HOME": str(tmp_path)})


@pytest.fixture
def known(home):
    signer_of(home)
    return Known(marks_of((), home.watermark_path), own_trust(home), NOBODY)


def seen(*payloads, sha=SHA, sound=SOUND, probe=PROBE):
    heard = tuple(
        Heard("muscgen-1", 9.0, each.deployment, each.key_version, each.job, key=1, chance=1e-9)
        for each in payloads
    )
    return heard_in(*heard, sha=sha, sound=sound, probe=probe, payloads=[each.hex() for each in payloads])


def heard_in(*heard, sha=SHA, sound=SOUND, probe=PROBE, payloads=()):
    return Look(sha, 100, sound, probe, "" if probe else "no sound", heard, tuple(payloads))


def receipt_of(home, **artifact):
    words = {
        "artifact": {"sha256": "00" * 32, "audio_sha256": "11" * 32} | artifact,
        "watermark": {"payload": PAYLOAD.hex()},
        "model": {"id": "m"},
        "times": {"made": "2026-01-01T00:00:00Z"},
        "request": {"prompt": {"sha256": "22" * 32}},
    }
    return receipt.signed(words, signer_of(home))


def result(found, name):
    return next(check for check in found.checks if check.name == name)


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ({}, "unknown"),
        ({"watermark": "not_checked"}, "unknown"),
        ({"credentials": "unreadable"}, "unknown"),
        ({"receipt": "differs"}, "unknown"),
        ({"receipt": "untrusted"}, "unknown"),
        ({"integrity": "invalid", "signer": "unknown"}, "unknown"),
        ({"integrity": "invalid", "signer": "unknown", "watermark": "found"}, "made_here"),
        ({"integrity": "intact", "signer": "ours"}, "genuine"),
        ({"integrity": "intact", "signer": "ours", "watermark": "found", "receipt": "matches"}, "genuine"),
        ({"receipt": "matches"}, "genuine"),
        ({"integrity": "changed", "signer": "ours"}, "altered"),
        ({"integrity": "changed", "signer": "unknown"}, "altered"),
        ({"integrity": "changed", "signer": "ours", "watermark": "found"}, "altered"),
        ({"integrity": "changed", "signer": "ours", "receipt": "same_sound"}, "altered"),
        ({"watermark": "found"}, "made_here"),
        ({"watermark": "found", "receipt": "same_mark"}, "made_here"),
        ({"watermark": "found", "integrity": "intact", "signer": "unknown"}, "made_here"),
        ({"receipt": "same_sound"}, "made_here"),
        ({"watermark": "named"}, "made_here"),
        ({"watermark": "named", "integrity": "intact", "signer": "unknown"}, "signed_elsewhere"),
        ({"watermark": "foreign"}, "unknown"),
        ({"integrity": "intact", "signer": "trusted"}, "signed_elsewhere"),
        ({"integrity": "intact", "signer": "unknown"}, "signed_elsewhere"),
    ],
)
def test_the_verdict_follows_from_the_checks(results, word):
    assert verdict(**results) == word


def test_there_is_a_verdict_for_whatever_the_checks_say():
    words = {verdict(**dict(zip(WORDS, each, strict=True))) for each in itertools.product(*WORDS.values())}
    assert words == {"genuine", "made_here", "altered", "signed_elsewhere", "unknown"}


def test_nothing_is_genuine_without_our_signature_on_these_bytes():
    for each in itertools.product(*WORDS.values()):
        results = dict(zip(WORDS, each, strict=True))
        if verdict(**results) == "genuine":
            signed = results["integrity"] == "intact" and results["signer"] == "ours"
            assert signed or results["receipt"] == "matches"


def test_a_watermark_says_whose_and_how_sure(known):
    ours = Payload(known.marks.deployment, 1, 9)
    found = report(seen(ours), known, Credentials("absent"), None)
    mark = result(found, "watermark")
    assert (mark.result, found.verdict) == ("found", "made_here")
    assert "of this deployment" in mark.detail
    assert (mark.facts["payload"], mark.facts["key_version"], mark.facts["confidence"]) == (
        ours.hex(),
        1,
        9.0,
    )
    other = report(seen(PAYLOAD), known, Credentials("absent"), None)
    assert "of deployment 7" in result(other, "watermark").detail
    without = report(seen(), Known(None, NOBODY, NOBODY), Credentials("absent"), None)
    assert result(without, "watermark").result == "not_checked"
    silent = report(seen(probe=None), known, Credentials("valid", 0, manifest=MANIFEST), None)
    assert "no sound" in result(silent, "watermark").detail


def test_a_mark_without_a_key_proves_nothing_and_says_so(known):
    def said(deployment):
        heard = Heard("silentcipher-40", 0.9, deployment=deployment, job=9)
        found = report(heard_in(heard), known, Credentials("absent"), None)
        return found.verdict, result(found, "watermark")

    verdict, mark = said(known.marks.deployment)
    assert (verdict, mark.result) == ("made_here", "named")
    assert "whoever has its weights can write the same" in mark.detail
    facts = {name: mark.facts[name] for name in ("method", "payload", "job", "key_version", "chance")}
    assert facts == {
        "method": "silentcipher-40",
        "payload": None,
        "job": "000009",
        "key_version": None,
        "chance": None,
    }
    verdict, mark = said(known.marks.deployment ^ 1)
    assert (verdict, mark.result) == ("unknown", "foreign")


def test_what_is_not_looked_for_is_said(known):
    less = Known(known.marks, NOBODY, NOBODY, "the watermark audioseal needs the folder of its weights")
    for look in (seen(), seen(PAYLOAD)):
        detail = result(report(look, less, Credentials("absent"), None), "watermark").detail
        assert detail.endswith("The watermark audioseal needs the folder of its weights.")


def test_of_nothing_at_all_nothing_is_said(known):
    with pytest.raises(UnreadableAudio, match="no sound"):
        report(seen(probe=None), known, Credentials("absent"), None)
    assert (
        report(seen(probe=None), known, Credentials("unreadable", why="cut off"), None).verdict == "unknown"
    )


@pytest.mark.parametrize(
    ("credentials", "results"),
    [
        (Credentials("absent"), ("absent", "not_checked", "not_checked")),
        (Credentials("unreadable", why="cut off"), ("unreadable", "not_checked", "not_checked")),
        (Credentials("valid", 0, manifest=MANIFEST), ("present", "intact", "ours")),
        (Credentials("valid", 1, manifest=MANIFEST), ("present", "intact", "trusted")),
        (Credentials("valid", None, manifest=MANIFEST), ("present", "intact", "unknown")),
        (Credentials("invalid", 0, True, ("x.mismatch",), MANIFEST), ("present", "changed", "ours")),
        (Credentials("invalid", None, False, ("expired",), MANIFEST), ("present", "invalid", "unknown")),
    ],
)
def test_credentials_are_three_checks(known, credentials, results):
    found = report(seen(), known, credentials, None)
    assert tuple(result(found, name).result for name in ("credentials", "integrity", "signer")) == results


def test_a_receipt_speaks_of_this_file_or_this_sound_or_this_song(known, home):
    def word(content, *payloads):
        return result(report(seen(*payloads), known, Credentials("absent"), content), "receipt").result

    assert word(receipt_of(home, sha256=SHA)) == "matches"
    assert word(receipt_of(home, audio_sha256=SOUND)) == "same_sound"
    assert word(receipt_of(home), PAYLOAD) == "same_mark"
    assert word(receipt_of(home)) == "differs"
    assert word(None) == "absent"
    assert word(b"{}") == "invalid"


def test_a_receipt_of_others_proves_nothing_here(known, tmp_path):
    other = load({"MUSCGEN_HOME": str(tmp_path / "other")})
    found = report(seen(), known, Credentials("absent"), receipt_of(other, sha256=SHA), given=True)
    assert result(found, "receipt").result == "untrusted"
    assert found.verdict == "unknown"


def test_a_report_tells_a_stranger_nothing_of_the_request(known, home):
    found = report(seen(), known, Credentials("absent"), receipt_of(home, sha256=SHA)).to_dict()
    assert found["verdict"] == "genuine"
    assert "22" * 32 not in str(found)
    assert found["file"]["sha256"] == SHA
    assert {check["name"] for check in found["checks"]} == set(WORDS)
