"""`muscgen models` over a hub, as a user types it; and killed at half."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny import MUSCGEN_TINY
from typer.testing import CliRunner

from muscgen.backends.onnx.cache import REVISION
from muscgen.cli.app import app
from muscgen.errors import ModelNotFound
from muscgen.fetching.keeping import SESSION_REVISION, remove
from muscgen.fetching.patience import Patience
from muscgen.fetching.shelf import Shelf

from .conftest import HURRY, SMALL, WEIGHTS, spoil
from .hub_server import COMMIT, Trouble


@pytest.fixture
def run(house):
    def run(*words: str, expect: int = 0):
        done = CliRunner().invoke(app, ["models", *words, "--home", str(house.home)], env={"NO_COLOR": "1"})
        assert done.exit_code == expect, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


def test_a_model_is_listed_accepted_pulled_verified_and_removed(house, run):
    assert "not here" in run("list", "--known")
    assert SMALL not in run("list")
    assert "muscgen models accept" in run("pull", SMALL, expect=2)
    run("accept", SMALL, "--yes", "--by", "Ada")
    assert f"{SMALL} at 1f2e3d4c" in run("pull", SMALL)
    assert "was here already" in run("pull", SMALL)
    assert SMALL in run("list")
    shown = json.loads(run("show", SMALL))
    assert (shown["origin"]["place"], shown["rights"]["usable"]) == ("hub", True)
    assert f"{SMALL}  {WEIGHTS}  right" in run("verify", SMALL)
    assert "is removed" in run("remove", SMALL, "--yes")
    assert SMALL not in run("list")
    assert not house.folder().exists()


def test_show_tells_of_a_model_that_is_only_known(run):
    shown = json.loads(run("show", "facebook/musicgen-stereo-small"))
    assert (shown["revision"], shown["channels"], shown["rights"]["accepted"]) == (None, 2, False)


def test_progress_is_lines_or_json(house, run):
    house.accept()
    lines = [json.loads(line) for line in run("pull", SMALL, "--json").splitlines()]
    assert lines[0]["stage"] == "planning"
    assert lines[-2]["stage"] == "checking"
    assert (lines[-1]["stage"], lines[-1]["fresh"], lines[-1]["commit"][:4]) == ("done", True, "1f2e")
    run("remove", SMALL, "--yes")
    assert " MB\n" in run("pull", SMALL)


def test_a_file_that_changed_is_found(house, run):
    house.accept()
    run("pull", SMALL)
    spoil(house.folder() / WEIGHTS, -1)
    (house.folder() / "generation_config.json").unlink()
    found = json.loads(run("verify", SMALL, "--json", expect=1))[SMALL]
    states = {one["file"]: one["state"] for one in found}
    assert (states[WEIGHTS], states["generation_config.json"], states["config.json"]) == (
        "changed",
        "missing",
        "right",
    )


def test_weights_that_changed_are_said_with_what_to_do_and_fetched_by_a_revision(house, run):
    house.accept()
    run("pull", SMALL)
    path = house.folder() / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert f"try: muscgen models remove {SMALL}" in run("verify", SMALL, expect=1)
    refused = run("pull", SMALL, expect=1)
    assert "its weights are not those that came" in refused
    assert f"try: muscgen models remove {SMALL}" in refused
    assert "is here now" in run("pull", SMALL, "--revision", "main")
    assert "changed" not in run("verify", SMALL)
    path.write_bytes(path.read_bytes()[:-1000])
    refused = run("pull", SMALL, expect=1)
    assert str(house.folder()) in refused
    assert f"try: muscgen models remove {SMALL}" in refused


def test_weights_that_were_cut_are_fetched_over_by_a_revision(house, run):
    house.accept()
    run("pull", SMALL)
    path = house.folder() / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1000])
    assert "is here now" in run("pull", SMALL, "--revision", "main")
    assert "changed" not in run("verify", SMALL)


def test_a_wait_is_said_with_its_reason(house):
    house.accept()
    house.hub.troubles["/config.json"].append(Trouble(429, {"Retry-After": "1"}))
    command = [sys.executable, "-m", "muscgen", "models", "pull", SMALL, "--home", str(house.home)]
    environment = os.environ | {"HF_ENDPOINT": house.hub.url, "NO_COLOR": "1"}
    done = subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True, text=True)
    assert re.search(r'fetch\.again +what=config\.json reason="HTTP 429" in_s=1', done.stderr)


def test_the_shipped_model_is_as_it_was_made_and_stays(run):
    assert "changed" not in run("verify", "muscgen-tiny")
    assert "comes with muscgen" in run("remove", "muscgen-tiny", "--yes", expect=2)


def test_what_is_not_here_is_neither_verified_nor_removed(run):
    assert "here are: muscgen-tiny" in run("verify", "nothing", expect=2)
    assert "here are: muscgen-tiny" in run("remove", "nothing", "--yes", expect=2)


def test_one_whose_card_cannot_be_read_can_be_removed_and_is_in_nobody_s_way(house, run):
    house.accept()
    run("pull", SMALL)
    card = house.folder() / "card.toml"
    card.write_text("id = \n")
    broken = house.folder().with_name("ours--broken")
    broken.mkdir()
    (broken / "card.toml").write_text("[")
    found = json.loads(run("verify", "--json", expect=1))
    for model in (SMALL, "ours/broken"):
        assert {one["file"]: one["state"] for one in found[model]}["card.toml"] == "changed"
    assert f"muscgen models remove {SMALL}" in run("pull", SMALL, expect=1)
    for model in (SMALL, "ours/broken"):
        assert "is removed" in run("remove", model, "--yes")
    assert not house.folder().exists()
    assert not broken.exists()


def test_a_damaged_record_is_in_no_removal_s_way(house, run, weights):
    house.accept()
    run("pull", SMALL)
    run("import", str(weights), "--id", "ours/same", "--license", "MIT")
    (house.folder() / "origin.json").write_text("{")
    assert "is removed" in run("remove", "ours/same", "--yes")
    assert "is removed" in run("remove", SMALL, "--yes")
    assert not house.folder().exists()


def test_of_a_model_that_is_a_link_the_link_is_removed(house, run, tmp_path):
    house.accept()
    run("pull", SMALL)
    elsewhere = house.folder().rename(tmp_path / "elsewhere")
    house.folder().symlink_to(elsewhere)
    assert "is removed: 0.0 MB" in run("remove", SMALL, "--yes")
    assert (elsewhere / WEIGHTS).is_file()
    assert not [*house.models.glob("[!.]*"), *house.models.glob(".fetching/*@*")]
    house.folder().symlink_to(elsewhere)
    (elsewhere / "card.toml").write_text("[")
    run("pull", SMALL, "--revision", COMMIT)
    assert not house.folder().is_symlink()
    assert not list(house.models.glob(".fetching/*@*"))


def test_of_two_folders_with_one_id_none_is_removed(house, run):
    house.accept()
    run("pull", SMALL)
    other = shutil.copytree(house.folder(), house.models / "other")
    refused = run("remove", SMALL, "--yes", expect=2)
    assert f"{house.folder()} and {other} both call themselves '{SMALL}'" in refused
    assert house.folder().is_dir()


def test_a_removal_asks_with_the_folder(house, run):
    house.accept()
    run("pull", SMALL)
    assert f"Remove the files of {SMALL}, {house.folder()}?" in run("remove", SMALL, expect=1)


def test_a_removal_that_waited_for_the_first_fetch_removes_what_came(house):
    house.accept()
    with ThreadPoolExecutor() as threads:
        with Shelf(house.models).alone(SMALL, HURRY, lambda: None):
            removing = threads.submit(remove, SMALL, house.models, Patience(), house.settings.cache_path)
            time.sleep(0.1)
            shutil.copytree(MUSCGEN_TINY, house.folder())
            card = house.folder() / "card.toml"
            card.write_text(card.read_text().replace('"muscgen-tiny"', f'"{SMALL}"'))
        assert removing.result(30) > 0
    assert not house.folder().exists()
    with pytest.raises(ModelNotFound):
        remove(SMALL, house.models, Patience(), house.settings.cache_path)


def test_a_removal_that_was_broken_off_is_ended_by_the_next(house, run, monkeypatch):
    house.accept()
    run("pull", SMALL)
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)
        run("remove", SMALL, "--yes")
    assert list(house.models.rglob(WEIGHTS))
    assert "is removed" in run("remove", SMALL, "--yes")
    assert not list(house.models.rglob(WEIGHTS))


def test_a_removal_that_waits_for_a_fetch_says_so(house):
    house.accept()
    house.pull()
    command = [sys.executable, "-m", "muscgen", "models", "remove", SMALL, "--yes", "--home", str(house.home)]
    with Shelf(house.models).alone(SMALL, HURRY, lambda: None):
        waiting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert f"remove.waits model={SMALL}" in waiting.stderr.readline()
    assert waiting.wait(60) == 0
    waiting.stderr.close()
    assert not house.folder().exists()


def test_a_model_that_nobody_knows_wants_its_licence_said(house, run, weights):
    house.hub.put("ours/lofi", weights)
    assert "so its licence has to be said" in run("pull", "ours/lofi", expect=2)
    assert "unknown licence" in run("pull", "ours/lofi", "--license", "Nice-1.0", expect=2)
    licence = ("ours/lofi", "--license", "CC-BY-NC-4.0")
    assert "muscgen models accept ours/lofi" in run("pull", *licence, expect=2)
    run("accept", *licence, "--yes")
    run("pull", *licence)
    assert json.loads(run("show", "ours/lofi"))["rights"]["usable"]
    assert "the card of ours/lofi says license = 'CC-BY-NC-4.0'" in run(
        "pull", "ours/lofi", "--license", "MIT", expect=2
    )


def test_a_base_stays_while_an_adapter_stands_on_it(house, run):
    house.accept()
    run("pull", SMALL)
    adapted = house.models / "tuned"
    adapted.mkdir()
    card = (house.folder() / "card.toml").read_text().replace(f'id = "{SMALL}"', 'id = "tuned"')
    (adapted / "card.toml").write_text(f'base = "{SMALL}"\nadapter = "lora"\n{card}')
    assert "tuned is made of facebook/musicgen-small" in run("remove", SMALL, "--yes", expect=2)


def test_killed_at_half_it_goes_on_from_there(house):
    house.accept()
    command = [sys.executable, "-m", "muscgen", "models", "pull", SMALL, "--home", str(house.home)]
    environment = os.environ | {"HF_ENDPOINT": house.hub.url}
    house.hub.pace_s = 0.02
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while house.hub.sent(WEIGHTS) < house.size / 2:
        assert time.monotonic() < until
        assert first.poll() is None
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = house.hub.sent(WEIGHTS)
    assert before < house.size
    assert not house.folder().exists()
    house.hub.pace_s = 0.0
    subprocess.run(command, env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert house.hub.sent(WEIGHTS) - before < 0.7 * house.size  # sent and not yet written is sent again
    assert (house.folder() / WEIGHTS).read_bytes() == house.weights.read_bytes()


def test_prepared_sessions_go_with_the_model_whose_weights_they_are(house, run, weights):
    house.accept()
    run("pull", SMALL)
    revision = json.loads(run("show", SMALL))["revision"]
    assert SESSION_REVISION == REVISION
    for name, of in (("step-1", revision), ("step-2", "0" * 64)):
        entry = house.settings.cache_path / name
        entry.mkdir(parents=True)
        (entry / SESSION_REVISION).write_text(of)
    run("import", str(weights), "--id", "ours/same", "--license", "MIT")
    run("remove", SMALL, "--yes")
    assert len(list(house.settings.cache_path.iterdir())) == 2  # the same weights, still in use
    run("remove", "ours/same", "--yes")
    assert [entry.name for entry in house.settings.cache_path.iterdir()] == ["step-2"]
