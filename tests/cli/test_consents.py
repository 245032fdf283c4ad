"""`muscgen consents`, and songs that are made here with one."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from muscgen.cli import at_service
from muscgen.cli.app import app
from muscgen.jobs import EmbeddedServer


@pytest.fixture
def home(tmp_path):
    """A home whose queue stays up, so that each command need not start it."""
    folder = tmp_path / "home"
    (folder / "queue").mkdir(parents=True, mode=0o700)
    with EmbeddedServer(folder / "queue"):
        yield folder


def run(home, *words, code=0):
    result = CliRunner().invoke(app, [*map(str, words), "--home", str(home)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "start.wav"
    soundfile.write(path, 0.3 * np.sin(np.arange(32_000) * 0.05), 16_000)
    return path


def test_a_consent_is_created_listed_shown_and_revoked(home, start):
    made = run(home, "consents", "create", "--basis", "licensed", "--sound", start, "--model", "muscgen-tiny")
    name = made.strip()
    shown = json.loads(run(home, "consents", "show", name))
    assert shown["scope"]["models"] == ["muscgen-tiny"]
    assert len(shown["scope"]["inputs"][0]) == 64
    assert name in run(home, "consents", "list")
    assert run(home, "consents", "list", "--tenant", "acme") == ""
    assert run(home, "consents", "revoke", name, "--reason", "enough") == ""
    assert json.loads(run(home, "consents", "show", name))["revoked_reason"] == "enough"
    kinds = [json.loads(line)["kind"] for line in run(home, "audit", "show", "--json").splitlines()]
    assert kinds == ["consent", "revoke"]


class Paged:
    """A service that has so many consents."""

    def __init__(self, count: int) -> None:
        self._count = count

    def ask(self, _method, _path, *, params):
        assert 1 <= params["limit"] <= 200
        first = int(params.get("cursor", 0))
        last = min(first + params["limit"], self._count)
        following = str(last) if last < self._count else None
        return {"consents": [{"id": n} for n in range(first, last)], "next_cursor": following}


@pytest.mark.parametrize(
    ("count", "limit", "found"), [(450, 500, 450), (450, 401, 401), (0, 50, 0), (450, 20, 20)]
)
def test_as_many_consents_of_a_service_are_listed_as_are_asked_for(count, limit, found):
    assert [each["id"] for each in at_service.consents(Paged(count), limit)] == list(range(found))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--use", "stealing"], "scope.uses.0"),
        (["--sound", "nowhere.wav"], "scope.inputs.0"),
        (["--until", "2020-01-01"], "over already"),
        (["--signature", "x"], "needs a --statement"),
        (["--public-key", "x"], "No such file"),
    ],
)
def test_a_consent_that_makes_no_sense_is_refused(home, words, said):
    result = CliRunner().invoke(app, ["consents", "create", "--basis", "own", *words, "--home", str(home)])
    assert result.exit_code in (1, 2)
    assert said in result.output


def test_a_consent_that_is_not_there_is_said(home):
    assert "there is no consent" in run(home, "consents", "made", f"consent_{'0' * 32}", code=2)


def go_on(home, start, out, *words, code=0):
    return run(home, "generate", "-o", out, "--continue", start, "--duration", 3, *words, code=code)


def test_a_song_that_is_made_here_goes_by_a_consent_until_it_is_revoked(home, start, tmp_path):
    song, name = tmp_path / "song.wav", run(home, "consents", "create", "--basis", "own").strip()
    go_on(home, start, song, "--consent-id", name, "--seed", 7)
    used = json.loads(run(home, "consents", "made", name, "--json"))
    assert [use["artifact"] is None for use in used] == [True, False]
    [line] = [
        json.loads(each) for each in run(home, "audit", "show", "--kind", "generate", "--json").splitlines()
    ]
    assert line["what"]["consent"] == name
    assert line["what"]["artifacts"] == [used[1]["artifact"]]
    run(home, "consents", "revoke", name)
    assert "revoked" in go_on(home, start, tmp_path / "second.wav", "--consent-id", name, code=2)
    assert not (tmp_path / "second.wav").exists()


def test_a_voice_is_refused_here_too(home, start, tmp_path):
    words = ["--consent", "own", "--sensitive", "voice"]
    assert "takes on no sound" in go_on(home, start, tmp_path / "song.wav", *words, code=2)
