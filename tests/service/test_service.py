"""The whole service as users run it: real processes, real signals, a real model."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import httpx
import pytest
import redis
from services import address, gone, serving, start

from muscgen.jobs import EmbeddedServer

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """For tests that break nothing."""
    with serving(tmp_path_factory.mktemp("shared") / "home", MUSCGEN_LEASE_S="4") as running:
        yield running


def test_a_request_becomes_a_file_whose_digest_is_right(service):
    job = service.ask(expect=200, headers={"Prefer": "wait=60"}, duration=1.0)
    assert job["status"] == "succeeded"
    assert job["outputs"][0]["seed"] == 7
    assert service.content(job)[:4] == b"RIFF"


def test_fifty_jobs_at_once_finish_each_once(service):
    ids = [service.ask(seed=seed)["id"] for seed in range(50)]
    jobs = [service.ended(job_id) for job_id in ids]
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert {job["attempts"] for job in jobs} == {1}
    events = service.client.get(f"/jobs/{ids[-1]}/events").text
    assert events.count("event: started") == 1
    assert events.count("event: completed") == 1
    assert len({job["outputs"][0]["audio_sha256"] for job in jobs}) == 50


def test_a_cancelled_job_ends_soon(service):
    job_id = service.ask(duration=30.0)["id"]
    service.until(lambda: service.running(job_id))
    service.client.post(f"/jobs/{job_id}/cancel").raise_for_status()
    assert service.ended(job_id)["status"] == "cancelled"


def test_jobs_outlive_a_worker_that_is_killed(service):
    job_id = service.ask(duration=30.0)["id"]
    service.until(lambda: service.running(job_id))
    killed = service.children()["worker"]
    os.kill(killed, signal.SIGKILL)
    job = service.ended(job_id)
    assert (job["status"], job["attempts"]) == ("succeeded", 2)
    assert service.children()["worker"] != killed


@contextlib.contextmanager
def apart(service):
    """A worker of the service's queue in a process of its own, which does not outlive the test."""
    url = f"unix://{service.home}/queue/queue.sock"
    where = ("--redis-url", url, "--home", str(service.home), "--drain", "0")
    process = start("worker", *where, home=service.home)
    with process.stdout:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("how", ["killed", "drained"])
def test_a_song_goes_on_bit_for_bit_when_its_worker_is_gone(tmp_path, how):
    with serving(tmp_path / "home", "--no-worker", MUSCGEN_LEASE_S="2") as service:
        with apart(service) as first:
            usual = service.ended(service.ask(duration=30.0)["id"])
            torn = service.ask(duration=30.0)["id"]
            service.until(lambda: service.running(torn))
            time.sleep(2.5)  # codes are kept every two seconds
            first.send_signal(signal.SIGKILL if how == "killed" else signal.SIGTERM)
            first.wait(60)
        with apart(service):
            job = service.ended(torn)
    assert (job["status"], job["attempts"]) == ("succeeded", 2 if how == "killed" else 1)
    assert 0 < job["resumed_from_seconds"] < 30
    assert usual.get("resumed_from_seconds") is None
    assert [one["audio_sha256"] for one in job["outputs"]] == [
        one["audio_sha256"] for one in usual["outputs"]
    ]


def test_a_worker_that_slept_through_its_lease_changes_nothing(service):
    job_id = service.ask(duration=30.0)["id"]
    service.until(lambda: service.running(job_id))
    worker = service.until(lambda: service.children().get("worker"))
    os.kill(worker, signal.SIGSTOP)
    try:
        service.until(lambda: service.job(job_id)["status"] == "queued")
    finally:
        os.kill(worker, signal.SIGCONT)
    job = service.ended(job_id)
    assert (job["status"], job["attempts"]) == ("succeeded", 2)
    assert service.client.get(f"/jobs/{job_id}/events").text.count("event: completed") == 1


def test_jobs_outlive_a_queue_server_that_is_killed(service):
    ids = [service.ask(duration=3.0, seed=seed)["id"] for seed in range(12)]
    service.until(lambda: service.running(ids[0]))
    time.sleep(1.1)  # the file of the queue is synchronised every second
    os.kill(service.children()["queue"], signal.SIGKILL)
    jobs = [service.ended(job_id) for job_id in ids]
    assert {job["status"] for job in jobs} == {"succeeded"}


def test_a_second_service_on_the_same_home_shares_its_queue(service, tmp_path):
    process = start("serve", "--port", "0", "--no-worker", "--home", str(service.home), home=tmp_path / "log")
    with process.stdout:
        url = address(process, tmp_path / "log")
        with httpx.Client(base_url=url, timeout=60.0) as client:
            body = {"prompt": "piano", "duration": 0.5, "seed": 3}
            job = client.post("/generate", json=body, headers={"Prefer": "wait=60"}).json()
        assert job["status"] == "succeeded"
        assert service.job(job["id"])["status"] == "succeeded"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "queue" in service.children()


def test_a_service_takes_the_queue_over_when_its_owner_leaves(tmp_path):
    home = tmp_path / "home"
    with serving(home, "--no-worker") as first:
        job_id = first.ask()["id"]
        second = start("serve", "--port", "0", "--home", str(home), home=tmp_path / "second")
        url = address(second, tmp_path / "second")
    with second.stdout, httpx.Client(base_url=url, timeout=60.0) as client:
        until = time.monotonic() + 80
        while (answer := client.get(f"/jobs/{job_id}", params={"wait": 10})).status_code == 503:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert answer.json()["status"] == "succeeded"
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0


def test_api_and_worker_meet_at_a_queue_elsewhere(tmp_path):
    home = tmp_path / "home"
    with (
        EmbeddedServer(tmp_path / "elsewhere") as queue,
        serving(home, "--no-worker", "--redis-url", queue.url, "--api-key", "secret") as service,
    ):
        service.ask(expect=401)
        service.client.headers["Authorization"] = "Bearer secret"
        job_id = service.ask()["id"]
        worker = start("worker", "--redis-url", queue.url, "--home", str(home), home=home)
        with worker.stdout:
            assert service.content(service.ended(job_id))
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        assert service.children() == {}


def test_a_queue_that_forgets_is_refused(tmp_path):
    with EmbeddedServer(tmp_path / "elsewhere") as queue:
        with redis.Redis.from_url(queue.url) as client:
            client.config_set("appendonly", "no")
        process = start("serve", "--port", "0", "--redis-url", queue.url, home=tmp_path / "home")
        with process.stdout:
            assert process.wait(60) == 1
    assert "Redis would forget jobs" in (tmp_path / "home" / "log").read_text()


def test_a_taken_port_is_said_in_words(service):
    port = httpx.URL(service.url).port
    process = start("serve", "--port", str(port), "--home", str(service.home), home=service.home)
    with process.stdout:
        assert process.wait(60) == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in service.log()


def test_ctrl_c_finishes_what_runs_and_a_second_start_finds_everything(tmp_path):
    home = tmp_path / "home"
    with serving(home, "--slots", "1") as service:
        done = service.ask(expect=200, headers={"Prefer": "wait=60"})
        running = service.ask(duration=3.0, seed=1)["id"]
        waiting = service.ask(duration=1.0, seed=2)["id"]
        service.until(lambda: service.running(running))
        with service.client.stream("GET", f"/jobs/{waiting}/events"):  # a stream that would not end by itself
            assert service.stop() == 0
    with serving(home, "--no-worker") as service:
        assert service.content(service.job(done["id"]))
        finished = service.job(running)
        assert (finished["status"], finished["attempts"]) == ("succeeded", 1)
        assert service.content(finished)
        assert service.job(waiting)["status"] == "queued"
        worker = start("worker", "--home", str(home), home=home)
        with worker.stdout:
            assert service.ended(waiting)["status"] == "succeeded"
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        assert "queue" in service.children()  # it was not the worker's to stop


def test_a_second_ctrl_c_hands_back_at_once(tmp_path):
    home = tmp_path / "home"
    with serving(home) as service:
        job_id = service.ask(duration=30.0)["id"]
        service.until(lambda: service.running(job_id))
        service.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 30
    with serving(home, "--no-worker") as service:
        job = service.job(job_id)
        assert (job["status"], job["attempts"]) == ("queued", 0)


def test_nothing_outlives_a_service_that_is_killed(tmp_path):
    with serving(tmp_path / "home") as service:
        children = service.until(lambda: len(found := service.children()) == 2 and found)
        service.ask(expect=200, headers={"Prefer": "wait=60"})
        service.process.kill()
        service.process.wait()
        assert gone(list(children.values()))


def test_a_service_whose_worker_can_never_start_says_so_and_ends(tmp_path):
    process = start("serve", "--port", "0", "--device", "cuda", "--backend", "onnx", home=tmp_path / "home")
    try:
        assert process.wait(60) == 1
    finally:
        process.kill()
        process.stdout.close()
    words = (tmp_path / "home" / "log").read_text()
    assert "the worker cannot start with these settings" in words
    assert "Traceback" not in words
