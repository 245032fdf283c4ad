"""Every example of the documentation is run, as it stands there, against a real service."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib

import pytest

from muscgen.jobs import EmbeddedServer
from tests.service.services import serving
from tests.tiny import random_checkpoint

from .answers import differences
from .blocks import ELSEWHERE, RUN, Block, blocks, pages
from .stage import MELODY, Stage, tune

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.timeout(240),
]
ALL = {page: list(blocks(page)) for page in pages()}
WITH_EXAMPLES = [page for page, found in ALL.items() if any(one.language for one in found)]
NEEDED = ("bash", "curl", "make", "openssl")
MOST_NOT_RUN = 0.34  # of the examples in a language that could be run
EXAMPLES = (*RUN, *ELSEWHERE, "json", "toml")
LANGUAGES = (*EXAMPLES, "text", "")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here")
    home = tmp_path_factory.mktemp("examples") / "home"
    random_checkpoint(home / "models" / MELODY, melody=True)
    with serving(home) as running:
        yield running


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    """For processes that meet at a queue: not the service's, or their workers would take its jobs."""
    with EmbeddedServer(tmp_path_factory.mktemp("queue")) as server:
        yield server.url


@pytest.fixture(scope="module")
def known(service, queue):
    """What words of the examples stand for: an upload, a job, a consent."""
    upload = service.client.post(
        "/artifacts", content=tune(12.5), headers={"Content-Type": "audio/flac"}
    ).json()
    consent = service.client.post("/consents", json={"basis": "own"}).json()
    job = service.ask(expect=200, headers={"Prefer": "wait=30"}, duration=4.0)
    return {
        "redis://queue:6379/0": queue,
        "9c1f…": upload["id"],
        "consent_…": consent["id"],
        "$JOB": job["id"],
    }


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_the_examples_of_a_page_work_as_they_stand_there(page, service, known, tmp_path):
    stage = Stage.of(service, tmp_path / "page", known)
    for block in ALL[page]:
        play(block, stage)
    stop_what_goes_on(service)  # or the next page would wait for it


def stop_what_goes_on(service) -> None:
    for state in ("queued", "running"):
        for job in service.client.get("/jobs", params={"state": state}).json()["jobs"]:
            service.client.post(f"/jobs/{job['id']}/cancel")


def play(block: Block, stage: Stage) -> None:
    if block.reason or block.note == "parsed" or block.language in ("", "text"):
        return
    if block.language in RUN:
        stage.run(block)
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.note == "answer":
        assert differences(stage.here(block.text), stage.printed) == [], block.place
    elif block.language == "json":
        send(block, stage)


def send(block: Block, stage: Stage) -> None:
    """A body goes where its note says."""
    assert block.note, f"{block.place}: what is this JSON? See tests/docs/blocks.py"
    method, path, status = block.note.split()
    answer = stage.service.client.request(method, path, json=json.loads(stage.here(block.text)))
    assert answer.status_code == int(status), f"{block.place}: {answer.text}"
    stage.printed = answer.text


def test_what_is_not_run_has_a_reason_and_is_the_smaller_part():
    examples = [one for found in ALL.values() for one in found if one.language in EXAMPLES]
    waived = [f"{one.place}: {one.reason}" for one in examples if one.reason]
    print(f"{len(waived)} of {len(examples)} examples are not run:", *waived, sep="\n")
    assert all(len(line.split()) > 2 for line in waived)
    assert len(waived) < MOST_NOT_RUN * len(examples), waived


def test_examples_are_in_a_language_that_is_known_here():
    strange = [one.place for found in ALL.values() for one in found if one.language not in LANGUAGES]
    hidden = [
        one.place
        for found in ALL.values()
        for one in found
        if not one.language and one.text.lstrip("$ ").startswith(("muscgen ", "curl ", "make ", "pip "))
    ]
    assert (strange, hidden) == ([], [])
