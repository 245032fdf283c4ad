"""`muscgen data`, as it is typed."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from data import layouts
from data.tunes import write
from muscgen.cli.app import app
from muscgen.data.trained import register


def run(*words: object):
    return CliRunner().invoke(app, ["data", *map(str, words)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    root = folder / "songs"
    for seed, name in enumerate(["ada/one.wav", "bob/two.wav"]):
        write(root / name, seed, 2.0, 32_000)
    (root / "ada" / "LICENSE").write_text("https://creativecommons.org/licenses/by/4.0/")
    said = {"holder": "Bob", "basis": "own", "uses": ["commercial"], "tracks": ["bob/*"]}
    (folder / "said.jsonl").write_text(json.dumps(said | {"reference": "contract-7"}))
    done = run(
        *("prepare", "folder", root, "--use", "commercial", "--out", folder / "out"),
        *("--consent", folder / "said.jsonl", "--home", folder / "home", "--workers", 1),
    )
    assert done.exit_code == 0, done.stderr
    return folder / "out", done.stdout


def test_preparing_says_what_came_of_it(prepared):
    out, said = prepared
    assert "2 of 2 tracks are in (train 2, valid 0, test 0)" in said
    assert "licence CC-BY-4.0 AND LicenseRef-consent-contract-7" in said
    assert "2 prepared and 0 kept in " in said
    assert " tracks, " in said
    assert (out / "shards" / "train-000000.tar").is_file()


def test_a_report_for_people_and_for_programs(prepared):
    out, _ = prepared
    said = run("report", out)
    lines = [line.split() for line in said.stdout.splitlines()]
    assert ["CC-BY-4.0", "1", "0"] in lines
    assert ["permitted", "2"] in lines
    assert f"attribution {out / 'ATTRIBUTION.md'}" in said.stdout
    told = json.loads(run("report", out, "--json").stdout)
    assert told["reasons"] == {"permitted": 2}
    assert told["use"] == "commercial"


def test_a_consent_is_taken_back(prepared, tmp_path):
    out, _ = prepared
    manifest = json.loads(run("report", out, "--json").stdout)["manifest"]
    register(out, "ours/polka", manifest, path=tmp_path / "polka")
    done = run("revoke", out, "--consent", "contract-7", "--by", "Bob", "--home", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "contract-7 is taken back; tracks that leave the next manifest: 1" in done.stdout
    assert f"  ours/polka  {tmp_path / 'polka'}" in done.stdout
    told = json.loads(run("revoke", out, "--consent", "contract-7", "--json", "--home", tmp_path).stdout)
    assert told["again"]
    assert [model["model"] for model in told["models"]] == ["ours/polka"]


def copied(prepared, tmp_path):
    out, _ = prepared
    shutil.copytree(out, tmp_path / "data", ignore=shutil.ignore_patterns("revoked.jsonl"))
    return tmp_path / "data"


def lines_of(home):
    return [json.loads(line) for line in (home / "audit" / "audit-000001.jsonl").read_text().splitlines()]


def test_taking_back_is_written_into_the_audit_log_once(prepared, tmp_path):
    data = copied(prepared, tmp_path)
    for _ in range(2):
        done = run("revoke", data, "--consent", "contract-7", "--by", "Bob", "--home", tmp_path / "home")
        assert done.exit_code == 0, done.stderr
    [line] = lines_of(tmp_path / "home")
    assert (line["kind"], line["who"]) == ("revoke", "Bob")
    assert line["what"]["name"] == "contract-7"
    assert line["what"]["tracks"] == 1
    assert line["what"]["manifests"] == [json.loads(run("report", data, "--json").stdout)["manifest"]]


def test_nothing_is_taken_back_that_cannot_be_written_down(prepared, tmp_path):
    data = copied(prepared, tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "audit").write_text("no folder")
    done = run("revoke", data, "--consent", "contract-7", "--home", tmp_path / "home")
    assert done.exit_code == 1
    assert "nothing is done unseen" in done.stderr
    assert not (data / "revoked.jsonl").exists()


def kept(home, *words):
    done = CliRunner().invoke(app, ["consents", "create", *map(str, words), "--home", str(home)])
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def test_a_record_of_a_consent_is_taken_back_by_its_id(prepared, tmp_path):
    """By what it refers to, and by the files that it names."""
    data, home = copied(prepared, tmp_path), tmp_path / "home"
    entries = [json.loads(line) for line in (data / "ledger.jsonl").read_text().splitlines()]
    ada = next(entry for entry in entries if entry["path"].startswith("ada"))
    record = kept(
        home,
        *(
            "--basis",
            "licensed",
            "--reference",
            "contract-7",
            "--sound",
            ada["sha256"],
            "--use",
            "commercial",
        ),
    )
    done = run("revoke", data, "--consent", record, "--json", "--home", home)
    assert done.exit_code == 0, done.stderr
    assert sorted(json.loads(done.stdout)["tracks"]) == sorted(entry["id"] for entry in entries)
    taken = [json.loads(line) for line in (data / "revoked.jsonl").read_text().splitlines()]
    assert {line.get("consent") for line in taken} == {record, "contract-7", None}
    assert {line.get("track") for line in taken} == {ada["id"], None}


def test_a_record_that_nobody_has_is_refused(prepared, tmp_path):
    data = copied(prepared, tmp_path)
    done = run("revoke", data, "--consent", f"consent_{'0' * 32}", "--home", tmp_path / "home")
    assert done.exit_code == 2
    assert not (data / "revoked.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prepare", "jamendo", "."], "'jamendo' is no data set known here"),
        (["prepare", "folder", "/nowhere"], "there is no folder /nowhere"),
        (["prepare", "maestro", "."], "holds neither maestro-v3.0.0.csv nor maestro-v3.0.0.json"),
        (["prepare", "folder", ".", "--valid", "0.7", "--test", "0.4"], "leave nothing to train on"),
        (["prepare", "folder", ".", "--backend", "onnx"], "--backend is for an encoder"),
        (["prepare", "folder", ".", "--device", "cpu"], "that needs --codec"),
        (["prepare", "codes", ".", "--codec", "muscgen-tiny", "--device", "cpu"], "a set of codes has none"),
        (["prepare", "folder", ".", "--codec", "nothing"], "there is no model 'nothing'"),
        (["prepare", "folder", ".", "--codec", "muscgen-tiny", "--channels", "2"], "the codec hears 1"),
        (["prepare", "folder", ".", "--codec", "muscgen-tiny", "--sample-rate", "8000"], "codec hears 32000"),
        (["prepare", "folder", ".", "--consent", "/nowhere.jsonl"], "/nowhere.jsonl cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_work(tmp_path, monkeypatch, words, said):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = run(*words, "--use", "commercial", "--out", tmp_path / "out", "--home", tmp_path / "home")
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_folder_that_was_not_prepared_is_refused(tmp_path):
    for words in (["report", tmp_path], ["revoke", tmp_path, "--track", "x"]):
        done = run(*words)
        assert done.exit_code == 2
        assert "holds no prepared data set" in done.stderr
    assert run("revoke", tmp_path).exit_code == 2


def test_nothing_left_to_train_on_is_told(tmp_path):
    root = layouts.maestro(tmp_path / "set", 2, audio=False)
    done = run("prepare", "maestro", root, "--use", "commercial", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "warning: nothing is left to train on" in done.stderr


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("muscgen.cli.preparing.find_spec", lambda name: None if name == "librosa" else name)
    done = run("prepare", "folder", tmp_path, "--use", "commercial", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "preparing data needs librosa" in done.stderr
    assert "pip install 'muscgen[data]'" in done.stderr


def test_help_has_an_example():
    for command in ("prepare", "report", "revoke"):
        assert f"muscgen data {command} " in run(command, "--help").stdout
