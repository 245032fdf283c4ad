"""muscgen apikeys, jobs and queue, at a server of the test's own."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from muscgen.cli.app import app


@pytest.fixture
def muscgen(tmp_path):
    def run(*words, code=0):
        done = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_a_key_is_shown_once_listed_and_revoked(muscgen):
    made = json.loads(
        muscgen("apikeys", "create", "--tenant", "acme", "--expires", "30d", "--per-minute", "5", "--json")
    )
    assert made["key"].startswith(f"mk_{made['id']}_")
    listed = muscgen("apikeys", "list")
    assert "acme" in listed
    assert "per_minute=5" in listed
    assert made["key"] not in listed
    assert "is revoked" in muscgen("apikeys", "revoke", made["id"])
    assert "revoked" in muscgen("apikeys", "list")


def test_queues_are_paused_resumed_and_purged(muscgen):
    assert json.loads(muscgen("queue", "stats", "--json")) == []
    assert "is paused" in muscgen("queue", "pause", "muscgen-tiny")
    assert "goes on" in muscgen("queue", "resume", "muscgen-tiny")
    assert "0 cancelled" in muscgen("jobs", "purge", "muscgen-tiny", "--yes")
    assert json.loads(muscgen("jobs", "list", "--json")) == []


@pytest.mark.parametrize(
    "words",
    [
        ("queue", "pause", "muscgen-tinny"),
        ("queue", "resume", "muscgen-tinny"),
        ("jobs", "purge", "muscgen-tinny", "--yes"),
        ("jobs", "list", "--state", "quewed"),
    ],
)
def test_a_misspelt_model_or_state_is_refused(muscgen, words):
    muscgen(*words, code=2)
