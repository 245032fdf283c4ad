"""`muscgen audit`."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from muscgen.audit import audit_of
from muscgen.cli.app import app
from muscgen.settings import load

SMALL = "facebook/musicgen-small"


def run(home, *words, code=0):
    result = CliRunner().invoke(app, [*words, "--home", str(home)])
    assert result.exit_code == code, result.output
    return result.output


def accepted(home):
    run(home, "models", "accept", SMALL, "--yes", "--by", "Ada")
    return home / "audit" / "audit-000001.jsonl"


def test_an_acceptance_is_a_line_with_the_hash_of_what_was_accepted(tmp_path):
    accepted(tmp_path)
    [line] = [json.loads(text) for text in run(tmp_path, "audit", "show", "--json").splitlines()]
    written = json.loads((tmp_path / "licences" / "accepted.jsonl").read_text())
    assert (line["kind"], line["who"], line["what"]["model"]) == ("accept", "Ada", SMALL)
    assert line["what"]["text_sha256"] == written["text_sha256"]


def test_verify_says_that_all_is_as_it_was_and_exits_1_where_it_is_not(tmp_path):
    path = accepted(tmp_path)
    assert "as they were written" in run(tmp_path, "audit", "verify")
    path.write_text(path.read_text().replace("Ada", "Eve"))
    assert "line 1 was changed" in run(tmp_path, "audit", "verify", code=1)
    report = json.loads(run(tmp_path, "audit", "verify", "--json", code=1))
    assert (report["intact"], len(report["faults"])) == (False, 1)


def test_files_that_lie_elsewhere_are_checked_without_the_home(tmp_path):
    path = accepted(tmp_path / "home")
    words = run(tmp_path / "other", "audit", "verify", str(path))
    assert "cannot say" in words
    assert "who wrote them was not checked" in words
    assert not (tmp_path / "other").exists()


def test_a_line_noted_elsewhere_is_looked_for(tmp_path):
    accepted(tmp_path)
    noted = run(tmp_path, "audit", "show", "--head").strip()
    assert "as they were written" in run(tmp_path, "audit", "verify", "--expect", noted)
    other = f"1:{'0' * 64}"
    assert "is not there" in run(tmp_path, "audit", "verify", "--expect", other, code=1)
    run(tmp_path, "audit", "verify", "--expect", "yesterday", code=2)


def test_lines_are_shown_by_kind_and_by_person(tmp_path):
    log = audit_of(load({}, home=tmp_path))
    log.note("consent", "acme", consent="consent_1")
    log.note("revoke", "acme", consent="consent_1")
    log.note("generate", "other", artifacts=["ab", "cd"])
    assert run(tmp_path, "audit", "show", "--kind", "revoke").count("\n") == 1
    assert run(tmp_path, "audit", "show", "--who", "acme").count("\n") == 2
    assert "artifacts=ab,cd" in run(tmp_path, "audit", "show", "--last", "1")
    run(tmp_path, "audit", "show", "--kind", "revoked", code=2)


def test_a_file_that_is_not_there_is_said_and_not_taken_for_intact(tmp_path):
    run(tmp_path, "audit", "verify", str(tmp_path / "audit-000009.jsonl"), code=1)
