"""muscgen keys: what signs and marks songs."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.provenance.marks import marks_of


@pytest.fixture
def muscgen(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSCGEN_HOME", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, ["keys", *arguments])


def shown(muscgen):
    return json.loads(muscgen("show", "--json").stdout)


def test_looking_makes_no_keys(muscgen, tmp_path):
    assert "none yet" in muscgen("show").stdout
    assert muscgen("show", "--trust").stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_keys_are_made_shown_and_followed_by_others(muscgen, tmp_path):
    assert muscgen("create", "signing").exit_code == muscgen("create", "watermark").exit_code == 0
    first = shown(muscgen)
    assert first["signing"]["development"]
    assert first["watermark"]["versions"] == first["signing"]["versions"] == [1]
    again = muscgen("create", "signing")
    assert again.exit_code == 1
    assert "keys rotate" in again.stderr

    assert muscgen("rotate", "signing").exit_code == muscgen("rotate", "watermark").exit_code == 0
    second = shown(muscgen)
    assert second["signing"]["versions"] == second["watermark"]["versions"] == [1, 2]
    assert second["signing"]["fingerprint"] != first["signing"]["fingerprint"]
    assert second["watermark"]["deployment"] == first["watermark"]["deployment"]
    assert [*marks_of((), tmp_path / "keys" / "watermark").secrets] == [1, 2]


def test_secrets_are_never_shown(muscgen, tmp_path):
    muscgen("create", "signing")
    muscgen("create", "watermark")
    words = muscgen("show").stdout + muscgen("show", "--json").stdout + muscgen("show", "--trust").stdout
    assert "PRIVATE" not in words
    assert "BEGIN CERTIFICATE" in words
    assert (tmp_path / "keys" / "watermark").read_text().partition(":")[2].strip() not in words


def test_a_key_may_bear_a_name(muscgen):
    assert muscgen("create", "signing", "--organization", "Acme  Music").exit_code == 0
    assert (shown(muscgen)["signing"]["organization"], shown(muscgen)["signing"]["development"]) == (
        "Acme Music",
        False,
    )
    assert muscgen("create", "watermark", "--organization", "Acme").exit_code == 1


def test_a_development_key_is_followed_by_one_in_a_name(muscgen):
    muscgen("create", "signing")
    refused = muscgen("create", "signing", "--organization", "Acme Music")
    assert "muscgen keys rotate signing --organization 'Acme Music'" in refused.stderr
    assert muscgen("rotate", "signing", "--organization", "Acme Music").exit_code == 0
    signing = shown(muscgen)["signing"]
    assert (signing["organization"], signing["development"], signing["versions"]) == (
        "Acme Music",
        False,
        [1, 2],
    )
    muscgen("rotate", "signing")
    assert shown(muscgen)["signing"]["organization"] == "Acme Music"
    muscgen("create", "watermark")
    assert muscgen("rotate", "watermark", "--organization", "Acme").exit_code == 1


@pytest.mark.parametrize("name", ["", "x" * 65, "Acme\x07"])
def test_a_name_that_no_certificate_can_bear_is_refused(muscgen, name):
    assert muscgen("create", "signing", "--organization", name).exit_code == 1


def test_turning_a_key_is_written_down(muscgen):
    muscgen("create", "watermark")
    muscgen("rotate", "watermark")
    done = CliRunner().invoke(app, ["audit", "show", "--json"])
    line = json.loads(done.stdout.splitlines()[-1])
    assert (line["kind"], line["what"]) == ("rotate", {"key": "watermark", "version": 2})


def test_keys_that_the_settings_give_are_not_ours_to_make(muscgen, monkeypatch):
    monkeypatch.setenv("MUSCGEN_WATERMARK_KEYS", "1:" + "ab" * 32)
    for command in ("create", "rotate"):
        done = muscgen(command, "watermark")
        assert done.exit_code == 1
        assert "MUSCGEN_WATERMARK_KEYS gives the keys" in done.stderr
    assert shown(muscgen)["watermark"]["versions"] == [1]
