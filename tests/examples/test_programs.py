"""The examples that are programs, run as users run them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_batch_makes_each_song_once_and_goes_on_where_it_was(service, tmp_path):
    table = tmp_path / "wishes.csv"
    table.write_text("name,prompt,duration,seed\npiano,calm piano,1,7\ntechno,techno,1.5,\n")
    asked = (table, tmp_path / "songs", "--url", service.url)
    first = run("batch.py", *asked)
    assert first.returncode == 0, first.stderr
    assert "piano.flac: seed 7" in first.stdout
    assert soundfile.info(tmp_path / "songs" / "techno.flac").duration == 1.5
    again = run("batch.py", *asked)
    assert again.stdout == f"2 of 2 songs are in {tmp_path / 'songs'}\n"


def test_a_wish_that_is_refused_does_not_hold_up_the_batch(service, tmp_path):
    table = tmp_path / "wishes.csv"
    table.write_text("prompt,duration\npiano,1\npiano,601\n")
    done = run("batch.py", table, tmp_path / "songs", "--url", service.url)
    assert done.returncode == 1
    assert "0002.flac" in done.stderr
    assert "600 s" in done.stderr
    assert [path.name for path in (tmp_path / "songs").iterdir()] == ["0001.flac"]


@pytest.fixture
def receiver(service, tmp_path):
    """The program on a free port, and its address."""
    secret = (service.home / "keys" / "webhook").read_text().split()[0]
    process = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "examples" / "receiver.py"), str(tmp_path / "songs")),
            *("--service", service.url, "--port", "0"),
        ],
        env=os.environ | ENVIRONMENT | {"WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process.stdout:
        yield process, process.stdout.readline().split()[-1]
        process.kill()
        process.wait()


def test_a_receiver_fetches_the_song_when_its_job_is_done(service, receiver, tmp_path):
    process, address = receiver
    job = service.ask(delivery={"webhook": {"url": address}}, duration=1.0)
    heard = [process.stdout.readline().strip(), process.stdout.readline().strip()]
    path = tmp_path / "songs" / f"{job['id']}-0.wav"
    assert heard == [f"job.completed {job['id']} succeeded", f"kept {path}"]
    assert soundfile.info(path).duration == 1.0


def test_a_receiver_takes_nothing_that_is_not_signed(service, receiver, tmp_path):
    _, address = receiver
    head = {"webhook-id": "m", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,bm8="}
    assert service.client.post(address, content=b"{}", headers=head).status_code == 401
