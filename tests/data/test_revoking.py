"""Consents that are taken back, and who is told."""

from __future__ import annotations

import json

import pytest

from data.runs import ledger, prepare
from data.tunes import write
from muscgen.data.manifest import read
from muscgen.data.place import Place
from muscgen.data.report import report, write_attribution
from muscgen.data.revoking import Beside, revoke
from muscgen.data.trained import register
from muscgen.errors import ConfigurationError, InvalidRequest


@pytest.fixture
def prepared(tmp_path):
    """Two songs of Ada's and one of Bob's, each by their consent."""
    root = tmp_path / "songs"
    for seed, name in enumerate(["ada/one.wav", "ada/two.wav", "bob/three.wav"]):
        write(root / name, seed, 2.0, 32_000)
    given = {"basis": "licensed", "uses": ["commercial"]}
    said = [
        given | {"reference": f"contract-{who}", "holder": who, "tracks": [f"{who}/*"]}
        for who in ("ada", "bob")
    ]
    (root / "consent.jsonl").write_text("\n".join(map(json.dumps, said)))
    prepare("folder", root, tmp_path / "out")
    return root, tmp_path / "out"


def test_a_consent_that_is_taken_back_takes_its_tracks_out_of_the_next_manifest(prepared):
    root, out = prepared
    place, first = Place(out), read(out)
    register(out, "ours/one", first.sha256, path=out / "model")
    register(out, "ours/old", "0" * 64, path=out / "old")
    found = revoke(place, consent="contract-ada", by="Ada", reason="changed my mind")
    assert len(found.tracks) == 2
    assert [model.model for model in found.models] == ["ours/one"]
    assert found.manifests == (first.sha256,)
    with pytest.raises(ConfigurationError, match="taken back since"):
        read(out)  # nobody trains on it any more
    second, _ = prepare("folder", root, out)
    assert second.tracks == 1
    assert {str(entry.reason) for entry in ledger(out) if entry.consent == "contract-ada"} == {"revoked"}
    assert [path.stem.split("-")[1] for path in out.glob("clips/*/*.flac")] == ["three"]
    assert b"one" not in (out / "shards" / "train-000000.tar").read_bytes()
    assert read(out) == second


def test_who_had_it_is_still_known_when_it_is_gone(prepared):
    root, out = prepared
    first = read(out)
    register(out, "ours/one", first.sha256, path=out / "model")
    revoke(Place(out), consent="contract-ada", by="Ada")
    prepare("folder", root, out)
    again = revoke(Place(out), consent="contract-ada", by="Ada")
    assert again.again
    assert [model.model for model in again.models] == ["ours/one"]
    assert len((out / "revoked.jsonl").read_text().splitlines()) == 1


def test_one_track_may_be_taken_back(prepared):
    root, out = prepared
    one = ledger(out)[0]
    assert revoke(Place(out), track=one.id, by="Ada").tracks == (one.id,)
    assert prepare("folder", root, out)[0].tracks == 2


def reasons(out):
    return {entry.path: str(entry.reason) for entry in ledger(out)}


def test_a_track_that_was_taken_back_stays_out_wherever_it_lies(prepared):
    root, out = prepared
    one = next(entry for entry in ledger(out) if entry.path == "ada/one.wav")
    revoke(Place(out), track=one.id, by="Ada")
    (root / "ada" / "one.wav").rename(root / "bob" / "ours.wav")
    assert prepare("folder", root, out)[0].tracks == 2
    assert reasons(out)["bob/ours.wav"] == "revoked"
    assert len(list(out.glob("clips/*/*.flac"))) == 2


def test_what_a_consent_covered_is_out_without_it_and_in_by_another(prepared):
    root, out = prepared
    revoke(Place(out), consent="contract-ada", by="Ada")
    (root / "eva").mkdir()
    (root / "eva" / "LICENSE").write_text("https://creativecommons.org/publicdomain/zero/1.0/")
    (root / "ada" / "one.wav").rename(root / "eva" / "one.wav")
    (root / "ada" / "two.wav").rename(root / "bob" / "two.wav")
    prepare("folder", root, out)
    assert reasons(out) == {
        "bob/three.wav": "permitted",
        "bob/two.wav": "permitted",
        "eva/one.wav": "revoked",
    }


def test_nobody_trains_on_a_track_that_was_taken_back_under_an_earlier_name(prepared):
    root, out = prepared
    one = next(entry for entry in ledger(out) if entry.path == "ada/one.wav")
    (root / "ada" / "one.wav").rename(root / "ada" / "zero.wav")
    prepare("folder", root, out)
    read(out)
    revoke(Place(out), track=one.id, by="Ada")
    with pytest.raises(ConfigurationError, match="taken back since"):
        read(out)


def test_each_of_two_consents_to_a_track_can_be_taken_back(tmp_path):
    root = tmp_path / "songs"
    for seed, name in enumerate(["one", "two"]):
        write(root / f"{name}.wav", seed, 2.0, 32_000)
    given = {"holder": "Ada", "basis": "own", "uses": ["commercial"]}
    said = [
        given | {"reference": "words", "tracks": ["*"]},
        given | {"reference": "music", "tracks": ["on*"]},
    ]
    (root / "consent.jsonl").write_text("\n".join(map(json.dumps, said)))
    prepare("folder", root, tmp_path / "out")
    assert [entry.consents for entry in ledger(tmp_path / "out")] == [("words", "music"), ("words",)]
    found = revoke(Place(tmp_path / "out"), consent="music", by="Ada")
    assert found.tracks == (ledger(tmp_path / "out")[0].id,)
    assert len(found.manifests) == 1
    with pytest.raises(ConfigurationError, match="taken back since"):
        read(tmp_path / "out")
    prepare("folder", root, tmp_path / "out")
    assert reasons(tmp_path / "out") == {"one.wav": "revoked", "two.wav": "permitted"}
    assert "consent music was taken back" in ledger(tmp_path / "out")[0].detail


def test_files_of_a_record_are_found_in_earlier_manifests(prepared):
    root, out = prepared
    register(out, "ours/one", read(out).sha256, path=out / "model")
    one = next(entry for entry in ledger(out) if entry.path == "ada/one.wav")
    (root / "ada" / "one.wav").unlink()
    prepare("folder", root, out)
    found = revoke(Place(out), consent="consent_1", by="Ada", beside=Beside(inputs=frozenset({one.sha256})))
    assert found.tracks == (one.id,)
    assert [model.model for model in found.models] == ["ours/one"]


def test_a_name_that_nothing_has_is_refused_and_a_likely_one_named(prepared):
    _, out = prepared
    with pytest.raises(InvalidRequest, match="no track here has the consent 'contract-abba'") as refusal:
        revoke(Place(out), consent="contract-abba", by="Ada")
    assert "contract-ada" in refusal.value.suggestion
    with pytest.raises(InvalidRequest, match="no prepared data set"):
        revoke(Place(out / "nowhere"), consent="contract-ada", by="Ada")


def test_a_ledger_that_was_changed_by_hand_is_not_trained_on(prepared):
    _, out = prepared
    path = out / "ledger.jsonl"
    path.write_text(path.read_text().replace("licensed, by bob", "own, by bob"))
    with pytest.raises(ConfigurationError, match="not the ledger that the manifest speaks of"):
        read(out)


def test_a_report_counts_by_licence_and_reason(prepared):
    root, out = prepared
    (root / "bob" / "bad.wav").write_text("no sound")
    write(root / "eva" / "four.wav", 4)
    prepare("folder", root, out)
    found = report(Place(out))
    assert found.licenses == {
        "LicenseRef-consent-contract-ada": {"in": 2, "out": 0},
        "LicenseRef-consent-contract-bob": {"in": 1, "out": 1},
        "unknown": {"in": 0, "out": 1},
    }
    assert found.reasons == {"permitted": 3, "unreadable": 1, "unknown_licence": 1}
    assert found.examples["unreadable"][0]["path"] == "bob/bad.wav"


def test_tracks_whose_licence_asks_for_no_name_are_a_line_an_author(tmp_path):
    root = tmp_path / "songs"
    for n, (artist, licence) in enumerate([("Ada", "CC0-1.0"), ("Ada", "CC0-1.0"), ("Bob", "CC-BY-4.0")]):
        write(root / f"{n}.wav", n)
        (root / f"{n}.json").write_text(json.dumps({"artist": artist, "license": licence}))
    prepare("folder", root, tmp_path / "out")
    page, table = write_attribution(Place(tmp_path / "out"), "")
    bob, ada = page.read_text().splitlines()[-2:]
    assert "| Bob | CC-BY-4.0 |" in bob
    assert ada == "| 2 tracks |  | Ada | CC0-1.0 |  | Ada (CC0-1.0) |"
    assert len(table.read_text().splitlines()) == 4


def test_the_table_of_whom_to_name_is_safe_to_open(tmp_path):
    root = tmp_path / "songs"
    write(root / "one.wav", 1)
    said = {"title": "=HYPERLINK(1)|<b>", "artist": "Ada_*", "license": "CC-BY-4.0"}
    (root / "one.json").write_text(json.dumps(said))
    prepare("folder", root, tmp_path / "out")
    page, table = write_attribution(Place(tmp_path / "out"), "")
    row = page.read_text().splitlines()[-1]
    assert "=HYPERLINK(1)\\|\\<b>" in row
    assert "Ada\\_\\*" in row
    assert "'=HYPERLINK(1)|<b>" in table.read_text()
    assert "https://creativecommons.org/licenses/by/4.0/" in table.read_text()
