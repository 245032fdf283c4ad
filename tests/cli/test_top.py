"""muscgen top, at a queue of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.jobs import EmbeddedServer, Queue, connect
from tests.queues import MODEL, song


@pytest.fixture
def busy(tmp_path):
    """The home of a queue in which two jobs wait and a third is made by a worker of four slots."""
    folder = tmp_path / "queue"
    folder.mkdir(mode=0o700)
    server = EmbeddedServer(folder)
    server.start()

    async def fill():
        queue = Queue(connect(server.url))
        for seed in range(2):
            await queue.enqueue(song(seed=seed))
        await queue.enqueue(song(seed=9, priority="interactive"))
        await queue.claim([MODEL], "host-1", 1, audio_s_per_s=3.25)
        await queue.heartbeat("host-1", [MODEL], slots=4, free=3, audio_s_per_s=3.25)
        await queue.close()

    asyncio.run(fill())
    yield tmp_path
    server.stop()


def looked(home, *words, code=0):
    done = CliRunner().invoke(app, ["top", "--once", *words, "--home", str(home)], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output
    return done.stdout


def test_one_look_shows_queues_workers_slots_and_speeds(busy):
    page = looked(busy)
    queue, worker = (
        next(line for line in page.splitlines() if line.startswith(it)) for it in (MODEL, "host-1")
    )
    assert queue.split()[1:4] == ["0/2/0", "0", "1"]
    assert {"1", "4", "3.2x"} <= set(queue.split())
    assert worker.split()[1:6] == [MODEL, "loaded", "1/4", "###.........", "3.2x"]


def test_programs_get_the_same_as_json(busy):
    seen = json.loads(looked(busy, "--json"))
    (queue,), (worker,) = seen["queues"], seen["workers"]
    assert queue["waiting"] == {"interactive": 0, "normal": 2, "batch": 0}
    assert (queue["running"], queue["slots"], queue["audio_s_per_s"]) == (1, 4, 3.25)
    assert (worker["id"], worker["slots"], worker["free"]) == ("host-1", 4, 3)
    assert seen["stale"] is False


def test_an_empty_queue_has_no_worker(tmp_path):
    assert "no worker was heard of" in looked(tmp_path)


def test_a_queue_that_does_not_answer_is_said_so(tmp_path):
    done = CliRunner().invoke(
        app, ["top", "--once", "--redis-url", "redis://127.0.0.1:1", "--home", str(tmp_path)]
    )
    assert done.exit_code == 1
    assert "queue" in done.output


def test_it_goes_on_until_ctrl_c_in_a_terminal(busy):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "muscgen", "top", "--every", "0.1", "--home", str(busy)]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "160"},
    )
    os.close(theirs)
    shown, until = b"", time.monotonic() + 60
    try:
        while shown.count(b"host-1") < 3 and time.monotonic() < until:  # it draws again and again
            shown += read_soon(ours)
        process.send_signal(signal.SIGINT)
        while process.poll() is None and time.monotonic() < until + 30:  # who is not read cannot end
            read_soon(ours)
        assert process.poll() == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert shown.count(b"host-1") >= 3


def read_soon(terminal: int) -> bytes:
    """What is there within a second; nothing where the terminal has no other end any more."""
    if not select.select([terminal], [], [], 1.0)[0]:
        return b""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
