"""Real services: `muscgen serve --port 0` in a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

START_LIMIT_S = 80.0
STOP_LIMIT_S = 60.0


class Service:
    """A running service and a client of it."""

    def __init__(self, process: subprocess.Popen[str], url: str, home: Path) -> None:
        self.process = process
        self.url = url
        self.home = home
        self.client = httpx.Client(base_url=url, timeout=60.0)

    def ask(self, *, expect: int = 202, headers: dict[str, str] | None = None, **wish) -> dict:
        body = {"prompt": "lofi hip hop", "duration": 0.5, "seed": 7, "cache": "off"} | wish
        answer = self.client.post("/generate", json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict:
        return self.client.get(f"/jobs/{job_id}").raise_for_status().json()

    def ended(self, job_id: str, limit_s: float = 150.0) -> dict:
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            answer = self.client.get(f"/jobs/{job_id}", params={"wait": 5})
            if answer.status_code == 503:  # the queue is being restarted
                time.sleep(0.2)
                continue
            job = answer.raise_for_status().json()
            if job["completed_at"]:
                return job
        raise AssertionError(f"not finished in {limit_s} s: {self.job(job_id)}\n{self.log()}")

    def until(self, what, limit_s: float = 80.0):
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if found := what():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not so after {limit_s} s\n{self.log()}")

    def running(self, job_id: str) -> bool:
        job = self.job(job_id)
        return job["status"] == "running" and job["progress"]["steps_done"] > 0

    def content(self, job: dict) -> bytes:
        """The first output's file, whose digest is right."""
        artifact = job["outputs"][0]["artifact"]
        content = self.client.get(artifact["url"]).raise_for_status().content
        assert hashlib.sha256(content).hexdigest() == artifact["sha256"]
        return content

    def log(self) -> str:
        return "\n".join((self.home / "log").read_text().splitlines()[-40:])

    def children(self) -> dict[str, int]:
        """`worker` and `queue`, as far as they live, and their process ids."""
        found = {}
        for pid in descendants(self.process.pid):
            command = command_of(pid)
            if "worker" in command:
                found["worker"] = pid
            elif "valkey" in command or "redis" in command:
                found["queue"] = pid
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_LIMIT_S)


@contextlib.contextmanager
def serving(home: Path, *options: str, module: str = "muscgen", **settings: str) -> Iterator[Service]:
    """module: what is run in muscgen's place."""
    command = ("serve", "--port", "0", "--home", str(home), *options)
    process = start(*command, home=home, module=module, **settings)
    children: list[int] = []
    try:
        service = Service(process, address(process, home), home)
        with service.client:
            yield service
            children = list(service.children().values())
            service.stop()
    finally:
        if process.poll() is None:
            children += descendants(process.pid)
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode in (0, -signal.SIGKILL), (home / "log").read_text()
    assert gone(children), f"{children} outlived the service"


def start(*arguments: str, home: Path, module: str = "muscgen", **settings: str) -> subprocess.Popen[str]:
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MUSCGEN_")}
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment | {"MUSCGEN_THREADS": "1"} | settings,
            start_new_session=True,
        )


def address(process: subprocess.Popen[str], home: Path) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_LIMIT_S)
    line = process.stdout.readline() if ready else ""
    found = re.search(r"listening on (http://\S+)", line)
    assert found, f"{line!r}\n{(home / 'log').read_text()}"
    return found[1]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def gone(pids: list[int], limit_s: float = 60.0) -> bool:
    until = time.monotonic() + limit_s
    while any(command_of(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
