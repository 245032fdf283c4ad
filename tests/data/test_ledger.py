"""Who is in, who is out, and why."""

from __future__ import annotations

import json
import unicodedata

import pytest

from muscgen.data.consent import Statements, beside, read
from muscgen.data.ledger import Entry, Reason, Rule, enter
from muscgen.data.track import Claim, Track, Traits
from muscgen.errors import InvalidRequest

BY = "https://creativecommons.org/licenses/by/4.0/"


def track(license_: str = BY, **fields) -> Track:
    claims = (Claim("spdx", license_, "metadata.csv line 2"),)
    return Track(id="t1", path="ada/one.wav", group="ada", title="One", artist="Ada", claims=claims, **fields)


def statements(tmp_path, *said) -> Statements:
    path = tmp_path / "consent.jsonl"
    usual = {"holder": "Ada", "basis": "own", "uses": ["noncommercial"], "tracks": ["ada/*"]}
    path.write_text(
        "\n".join(json.dumps({"reference": f"c{n}"} | usual | more) for n, more in enumerate(said))
    )
    return read(path)


def decided(one: Track, use="commercial", said: Statements | None = None, revoked=(), **traits) -> Entry:
    rule = Rule("folder", use, Traits(**traits), frozenset(revoked))
    return enter(one, said.of(one) if said else None, rule)


@pytest.mark.parametrize(
    ("license_", "use", "reason"),
    [
        ("CC-BY-4.0", "commercial", Reason.PERMITTED),
        ("CC-BY-SA-3.0", "commercial", Reason.PERMITTED),
        ("CC0-1.0", "commercial", Reason.PERMITTED),
        ("CC-BY-NC-4.0", "commercial", Reason.NOT_FOR_THIS_USE),
        ("CC-BY-NC-4.0", "noncommercial", Reason.PERMITTED),
        ("CC-BY-NC-ND-3.0", "noncommercial", Reason.NO_DERIVATIVES),
        ("CC-BY-ND-4.0", "noncommercial", Reason.UNKNOWN_LICENCE),
        ("LAL-1.3", "noncommercial", Reason.UNKNOWN_LICENCE),
        ("", "noncommercial", Reason.UNKNOWN_LICENCE),
    ],
)
def test_a_licence_and_a_use_decide(license_, use, reason):
    entry = decided(track(license_), use)
    assert entry.reason is reason
    assert entry.is_in == (reason is Reason.PERMITTED)
    assert entry.is_in or entry.detail


def test_an_entry_shows_what_it_follows_from():
    entry = decided(track(url="https://example.org/one"))
    assert entry.license == "CC-BY-4.0"
    assert entry.license_url == BY
    assert entry.evidence == ({"kind": "spdx", "text": BY, "source": "metadata.csv line 2"},)
    assert entry.attribution == f'"One" by Ada (https://example.org/one, CC-BY-4.0, {BY})'
    assert Entry.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry


def test_words_under_a_stricter_licence_make_the_track_stricter():
    assert decided(track(), text_license="CC-BY-NC-SA-4.0").reason is Reason.NOT_FOR_THIS_USE
    assert decided(track(), text_license="CC-BY-SA-4.0").is_in


def test_a_statement_permits_what_it_says_and_no_more(tmp_path):
    said = statements(tmp_path, {"evidence": "contract of May"})
    assert decided(track(""), "noncommercial", said).is_in
    refused = decided(track(""), "commercial", said)
    assert refused.reason is Reason.NOT_FOR_THIS_USE
    assert refused.license == "LicenseRef-consent-c0"
    assert refused.consent == "c0"
    assert refused.evidence[0]["text"] == "own, by Ada: contract of May"
    both = statements(tmp_path, {"uses": ["noncommercial", "commercial"]})
    assert decided(track(""), "commercial", both).is_in
    named = statements(tmp_path, {"uses": ["noncommercial", "commercial"], "license": "CC-BY-NC-4.0"})
    assert decided(track(""), "commercial", named).reason is Reason.NOT_FOR_THIS_USE


@pytest.mark.parametrize(
    "name", ["bob/Song [Remix].wav", "bob/What?.wav", "bob/*.wav", "bob/Caf\u00e9 [1].wav"]
)
def test_a_path_names_itself_whatever_signs_and_accents_it_has(tmp_path, name):
    said = statements(tmp_path, {"tracks": [unicodedata.normalize("NFD", name)], "revoked": True})
    one = Track(id="t2", path=name, group="bob", claims=track().claims)
    assert decided(one, said=said).reason is Reason.REVOKED


@pytest.mark.parametrize("spelling", ["CC-BY-NC-ND-4.0", "cc-by-nc-nd-4.0"])
def test_a_licence_in_a_statement_forbids_what_it_forbids_in_any_spelling(tmp_path, spelling):
    entry = decided(track(""), "noncommercial", statements(tmp_path, {"license": spelling}))
    assert (entry.reason, entry.license) == (Reason.NO_DERIVATIVES, "CC-BY-NC-ND-4.0")


def test_sound_that_nothing_licenses_needs_a_statement(tmp_path):
    said = statements(tmp_path, {"tracks": ["t1"], "uses": ["commercial"]})
    assert decided(track(), needs_consent=True).reason is Reason.NO_CONSENT
    assert decided(track(), said=said, needs_consent=True).is_in
    assert (
        decided(track(), said=statements(tmp_path, {"tracks": ["bob/*"]}), needs_consent=True).consent == ""
    )


def test_what_was_taken_back_is_out_whatever_else_is_said(tmp_path):
    said = statements(tmp_path, {"uses": ["commercial"]}, {"revoked": True})
    assert decided(track(), said=said).reason is Reason.REVOKED
    fine = statements(tmp_path, {"uses": ["commercial"]})
    assert decided(track(), said=fine, revoked=["c0"]).reason is Reason.REVOKED
    assert decided(track(), revoked=["t1"]).reason is Reason.REVOKED
    assert decided(track(), said=fine, revoked=["c9"]).is_in


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: statement"),
        ('{"reference": "a"}', "holder"),
        ({"basis": "found"}, "basis"),
        ({"uses": ["all"]}, "uses"),
        ({"uses": []}, "uses"),
        ({"more": 1}, "more"),
    ],
)
def test_a_statement_that_says_something_else_is_refused_by_line_and_field(tmp_path, line, words):
    path = tmp_path / "consent.jsonl"
    usual = {"reference": "a", "holder": "b", "basis": "own", "uses": ["commercial"], "tracks": ["x"]}
    path.write_text(json.dumps(usual | line) if isinstance(line, dict) else line)
    with pytest.raises(InvalidRequest, match=words):
        read(path)


def test_a_list_of_statements_may_lie_beside_the_set(tmp_path):
    said = {"reference": "a", "holder": "b", "basis": "cc", "uses": ["noncommercial"], "tracks": ["*"]}
    assert beside(tmp_path) is None
    (tmp_path / "consent.json").write_text(json.dumps([said]))
    path = beside(tmp_path)
    assert path is not None
    found = read(path).of(track())
    assert found is not None
    assert found.basis == "cc"
