"""Alerts and dashboard: judged by promtool, and by a real Prometheus that watches a real service."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.operations.programs import program
from tests.service.services import serving

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/muscgen.json"
FROM_DEBIAN = "apt-get install prometheus"
FROM_PROMETHEUS = {"up"}
ONLY_WITH = {"muscgen_gpu_memory_bytes"}  # a GPU
LABELS = {"$model": ".*", "$__rate_interval": "1m"}


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    for name, value in LABELS.items():
        found = [query.replace(name, value) for query in found]
    return found


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:muscgen|process)_[a-z_]+\b", text))


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def test_the_dashboard_is_what_its_script_writes():
    built = subprocess.run(
        [sys.executable, ROOT / "deploy/grafana/build.py"], capture_output=True, text=True, check=True
    )
    assert built.stdout == DASHBOARD.read_text(), (
        "python deploy/grafana/build.py > deploy/grafana/muscgen.json"
    )


def test_every_alert_has_its_runbook():
    names = re.findall(r"alert: (\w+)", ALERTS.read_text())
    runbooks = re.findall(r"(?m)^### (Muscgen\w+)", (ROOT / "docs/operations.md").read_text())
    assert len(names) > 10
    assert sorted(names) == sorted(runbooks)


def test_alerts_come_when_they_should():
    promtool = program("promtool", FROM_DEBIAN)
    for arguments in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run(
            [promtool, *arguments], cwd=ALERTS.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A service that made a song, and a Prometheus that watched it: the service's ports, and a client."""
    prometheus = program("prometheus", FROM_DEBIAN)
    folder = tmp_path_factory.mktemp("watched")
    worker, port = free_port(), free_port()
    with serving(folder / "home", MUSCGEN_METRICS_PORT=str(worker)) as service:
        api = httpx.URL(service.url)
        (folder / "alerts.yaml").write_text(ALERTS.read_text())
        (folder / "prometheus.yaml").write_text(
            f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
            f"rule_files: [alerts.yaml]\nscrape_configs:\n"
            f"- {{job_name: muscgen-api, static_configs: [{{targets: ['{api.host}:{api.port}']}}]}}\n"
            f"- {{job_name: muscgen-worker, static_configs: [{{targets: ['127.0.0.1:{worker}']}}]}}\n"
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(prometheus, f"--config.file={folder}/prometheus.yaml"),
                    *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"),
                    "--enable-feature=exemplar-storage",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                _until_watching(client)
                service.ended(service.ask(duration=6)["id"])
                service.client.post("/generate", json={"prompt": "x", "duration": -1})
                for _ in range(3):  # so that rates have two values
                    _until_scraped(client)
                yield service, worker, client
        finally:
            process.terminate()
            process.wait(60)


def _until_scraped(client: httpx.Client) -> None:
    """Both once more, after now."""
    asked, until = time.time(), time.monotonic() + 90
    while time.monotonic() < until:
        query = {"query": 'timestamp(up{job=~"muscgen.*"})'}
        found = client.get("/api/v1/query", params=query).json()["data"]["result"]
        if len(found) == 2 and min(float(one["value"][1]) for one in found) > asked:
            return
        time.sleep(0.1)
    raise AssertionError("Prometheus looks no more")


def _until_watching(client: httpx.Client) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            found = client.get("/api/v1/query", params={"query": 'up{job=~"muscgen.*"} == 1'})
            # 503 in words while it begins
            if found.is_success and len(found.json()["data"]["result"]) == 2:
                return
        except (httpx.HTTPError, KeyError):
            pass
        time.sleep(0.3)
    raise AssertionError("Prometheus does not see the service")


def test_every_metric_that_is_asked_for_is_there(watched):
    service, worker, _ = watched
    texts = [service.client.get("/metrics").text, httpx.get(f"http://127.0.0.1:{worker}/metrics").text]
    served = set().union(*(re.findall(r"(?m)^([a-z_]+)[{ ]", text) for text in texts))
    described = set().union(*(re.findall(r"(?m)^# TYPE (\S+)", text) for text in texts))
    known = (
        served | described | {f"{name}_{part}" for name in described for part in ("bucket", "count", "sum")}
    )
    asked = metrics_in(ALERTS.read_text()) | metrics_in("\n".join(queries()))
    assert asked - known - FROM_PROMETHEUS - ONLY_WITH == set()


def test_the_names_keep_the_conventions(watched):
    promtool = program("promtool", FROM_DEBIAN)
    service, worker, _ = watched
    for text in (
        service.client.get("/metrics").text,
        httpx.get(f"http://127.0.0.1:{worker}/metrics").text,
    ):
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if "muscgen_" in line]
        assert complaints == []


def test_every_panel_of_the_dashboard_can_be_drawn(watched):
    _, _, client = watched
    empty = []
    for query in queries():
        answer = client.get("/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer)
        if not answer["data"]["result"]:
            empty.append(query)
    never = ("gpu", "webhook", "missed", "eta_ratio", "dead", "audit")  # nothing of it happened here
    assert [query for query in empty if not any(word in query for word in never)] == []


def test_no_alert_is_raised_by_a_service_that_is_well(watched):
    _, _, client = watched
    groups = client.get("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
