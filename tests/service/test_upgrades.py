"""Two versions side by side on one queue, and a house that comes back from its backup."""

from __future__ import annotations

import contextlib
import shutil
import time

import pytest

from tests.contracts.servers import DURABLE, Node, valkey
from tests.service.services import serving, start

KEY = "a-key-of-the-test"
LATER = "tests.service.newer"


@pytest.fixture
def node(tmp_path):
    node = Node(valkey(), tmp_path / "redis", DURABLE).start()
    yield node
    node.kill()


@contextlib.contextmanager
def working(home, node, module="muscgen"):
    """A worker that is ready; drained at the end."""
    settings = {"MUSCGEN_REDIS_URL": url_of(node), "MUSCGEN_LOG_FORMAT": "json", "MUSCGEN_DRAIN_S": "5"}
    process = start("worker", "--home", str(home), home=home, module=module, **settings)
    try:
        logged(home, "worker.ready")
        yield
    finally:
        process.terminate()
        try:
            assert process.wait(40) == 0, (home / "log").read_text()
        finally:
            process.kill()
            process.stdout.close()


def url_of(node):
    return f"redis://127.0.0.1:{node.port}"


def logged(home, event, times=1, limit_s=60.0):
    """Until a log tells of it so often."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        lines = (home / "log").read_text().splitlines() if (home / "log").exists() else []
        if sum(f'"{event}"' in line for line in lines) >= times:
            return
        time.sleep(0.05)
    raise AssertionError(f"{event} was not logged {times} times:\n{(home / 'log').read_text()}")


def shared(tmp_path, name):
    """A home of a process's own, with files and keys that all share."""
    home = tmp_path / name
    home.mkdir()
    for part in ("artifacts", "keys"):
        (tmp_path / part).mkdir(exist_ok=True, mode=0o700)
        (home / part).symlink_to(tmp_path / part)
    return home


@pytest.mark.timeout(240)
def test_two_versions_of_api_and_worker_work_side_by_side(tmp_path, node):
    homes = {name: shared(tmp_path, name) for name in ("api", "later-api", "worker", "later-worker")}
    queue = {"MUSCGEN_REDIS_URL": url_of(node)}
    with (
        serving(homes["api"], "--no-worker", **queue) as api,
        serving(homes["later-api"], "--no-worker", module=LATER, **queue) as later_api,
    ):
        with working(homes["worker"], node):
            ordinary = api.ended(api.ask(seed=1)["id"])
            assert ordinary["status"] == "succeeded"
            # What this version cannot read it does not make, and does not spoil: it is for a later worker.
            later = later_api.ask(seed=2)
            logged(homes["worker"], "job.unreadable", times=2)
            assert api.ended(api.ask(seed=3)["id"])["status"] == "succeeded"  # nobody waits behind it
            waiting = api.job(later["id"])
            assert (waiting["status"], waiting["attempts"], waiting["error"]) == ("queued", 0, None)
            with working(homes["later-worker"], node, LATER):
                made = later_api.ended(later["id"])
                assert (made["status"], made["attempts"]) == ("succeeded", 1)
                assert api.content(api.job(later["id"])) == later_api.content(made)
                assert {job["id"] for job in api.client.get("/jobs").json()["jobs"]} >= {later["id"]}
        with working(homes["later-worker"], node, LATER):
            by_later = api.ended(api.ask(seed=1)["id"])
            assert by_later["status"] == "succeeded"
            assert by_later["outputs"][0]["audio_sha256"] == ordinary["outputs"][0]["audio_sha256"]
            events = api.client.get(f"/jobs/{by_later['id']}/events").text
            assert "event: completed" in events
            assert api.client.get("/readyz").json()["status"] == "ready"
            assert "muscgen_workers" in api.client.get("/metrics").text


@pytest.mark.timeout(240)
def test_a_house_comes_back_from_its_backup(tmp_path, node):
    home, there = tmp_path / "home", {"MUSCGEN_REDIS_URL": url_of(node), "MUSCGEN_API_KEYS": KEY}
    authorised = {"Authorization": f"Bearer {KEY}"}
    with serving(home, **there) as service:
        service.client.headers.update(authorised)
        made = service.ended(service.ask()["id"])
        song = service.content(made)
    with serving(home, "--no-worker", **there) as service:
        service.client.headers.update(authorised)
        waiting = service.ask(seed=8)
        # The backup, as docs/operations.md has it, while the service goes on.
        with node.client() as client:
            client.bgrewriteaof()
            node.until(lambda one: one.info("persistence")["aof_rewrite_in_progress"] == 0)
            node.until(lambda one: one.info("persistence")["aof_rewrite_scheduled"] == 0)
        time.sleep(1.2)  # everysec
        saved = tmp_path / "saved"
        shutil.copytree(node.folder / "appendonlydir", saved / "redis" / "appendonlydir")
        shutil.copytree(home, saved / "home")
    node.kill()
    shutil.rmtree(home)
    shutil.rmtree(node.folder)
    again = Node(valkey(), saved / "redis", DURABLE).start()
    try:
        there["MUSCGEN_REDIS_URL"] = url_of(again)
        with serving(saved / "home", **there) as service:
            service.client.headers.update(authorised)
            assert service.content(service.job(made["id"])) == song
            assert service.ended(waiting["id"])["status"] == "succeeded"
            answer = service.client.post("/verify", files={"file": ("song.wav", song, "audio/wav")})
            assert answer.json()["verdict"] == "genuine", answer.text
    finally:
        again.kill()
