"""What operators ask of a worker, done for real: a hub, a disk, a queue."""

from __future__ import annotations

import asyncio
import errno
import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fetching.hub_server import COMMIT
from tiny import MUSCGEN_TINY

from muscgen.fetching.manifest import manifest_of, write_manifest
from muscgen.fetching.shelf import Shelf
from muscgen.jobs import State
from muscgen.models.terms import Said, shipped
from muscgen.rights import Acceptances, Rules, licensed
from muscgen.settings import load
from muscgen.worker import caretaker, errands
from muscgen.worker.fetcher import Fetcher
from muscgen.worker.main import caretaker_of, errands_of, roster_of

SMALL = "facebook/musicgen-small"
TINY = "muscgen-tiny"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(caretaker, "TURN_S", 0.05)
    monkeypatch.setattr(errands, "TURN_S", 0.05)


@pytest.fixture
def settings(tmp_path):
    chosen = load({}, home=tmp_path / "home", slots=2)
    terms = licensed(shipped()[SMALL])
    Acceptances(chosen.acceptances_path).add(SMALL, terms.license, terms.text, person="Ada")
    return chosen


@pytest.fixture
async def roster(bench, settings):
    """Of a worker that does errands, and no songs."""
    roster = roster_of(settings)
    fetcher = Fetcher(settings, Rules(settings))
    care = caretaker_of("w1", bench.queue, roster, fetcher, settings)
    work = asyncio.create_task(errands_of("w1", bench.queue, care, fetcher, settings).run())
    yield roster
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    roster.close()


async def asked(bench, kind, model, wish=None, limit_s=100):
    """The task, once it is over."""
    async with asyncio.timeout(limit_s):
        while True:
            try:
                task = await bench.queue.ask_workers(kind, model, wish)
                break
            except Exception:  # noqa: BLE001  until the worker has said that it lives
                await asyncio.sleep(0.05)
        while (task := await bench.queue.task(task.id)).state in ("queued", "running"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return task


async def test_a_model_is_pulled_loaded_unloaded_and_removed(bench, hub, settings, roster):
    pulled = await asked(bench, "pull", SMALL)
    assert pulled.state == "succeeded"
    assert pulled.parts[0].name == Shelf(settings.models_path).name()
    assert roster.offers[SMALL].record.commit == COMMIT
    loaded = await asked(bench, "load", SMALL)
    assert (loaded.state, list(roster.loaded)) == ("succeeded", [SMALL])
    assert roster.idle_for_s(SMALL) == 0.0  # it stays
    assert (await asked(bench, "unload", SMALL)).state == "succeeded"
    assert not roster.loaded
    assert (await asked(bench, "remove", SMALL)).state == "succeeded"
    assert SMALL not in roster.offers
    assert not (settings.models_path / "facebook--musicgen-small").exists()


async def test_what_cannot_be_done_is_told_with_its_reason(bench, hub, roster):
    hub.gated.add(SMALL)
    refused = await asked(bench, "pull", SMALL)
    assert (refused.state, refused.parts[0].error["code"]) == ("failed", "source_refused")
    assert (await asked(bench, "pull", "ours/unknown")).parts[0].error["code"] == "model_not_found"
    assert (await asked(bench, "load", "ours/unknown")).parts[0].error["code"] == "model_not_found"
    assert (await asked(bench, "remove", TINY)).parts[0].error["code"] == "invalid_request"


async def test_a_folder_that_cannot_be_written_to_is_told_as_that(bench, hub, settings, roster, monkeypatch):
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Shelf, "alone", read_only)
    error = (await asked(bench, "pull", SMALL)).parts[0].error
    assert error["code"] == "store_unavailable"
    assert error["detail"] == f"{settings.models_path} cannot be written to: Read-only file system"
    assert "MUSCGEN_MODELS_DIR" in error["suggestion"]


async def test_a_model_is_not_removed_under_a_job(bench, hub, roster):
    await asked(bench, "pull", SMALL)
    job_id = await bench.ask(model=SMALL)
    refused = await asked(bench, "remove", SMALL)
    assert refused.parts[0].error["code"] == "model_in_use"
    assert (await bench.queue.get(job_id)).state is State.QUEUED


async def test_a_pull_is_followed_stopped_and_gone_on_with(bench, hub, settings, roster):
    hub.pace_s = 0.01
    task = None
    async with asyncio.timeout(100):
        while task is None or not task.parts[0].progress.get("bytes_done", 0) > 5_000_000:
            if task is None:
                while not await bench.client.exists(f"{bench.prefix}:{{tasks}}:workers"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                task = await bench.queue.ask_workers("pull", SMALL)
            await asyncio.sleep(0.02)
            task = await bench.queue.task(task.id)
        assert task.parts[0].progress["bytes_total"] > 60_000_000
        await bench.queue.cancel_task(task.id)
        while (task := await bench.queue.task(task.id)).state == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert task.state == "cancelled"
    before = hub.sent("model.safetensors")
    hub.pace_s = 0.0
    assert (await asked(bench, "pull", SMALL)).state == "succeeded"
    assert hub.sent("model.safetensors") - before < task.parts[0].progress["bytes_total"] - 4_000_000


async def test_a_model_of_ones_own_is_pulled_under_the_terms_that_its_manifest_says(bench, tmp_path):
    unknown = shutil.ignore_patterns("card.toml", "MODEL.md")
    folder = shutil.copytree(MUSCGEN_TINY, tmp_path / "web" / "ours" / "lofi", ignore=unknown)
    write_manifest(folder, manifest_of(folder, "ours/lofi", Said("MIT", attribution="Us").terms("ours/lofi")))
    serve = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        chosen = load({}, home=tmp_path / "home", models_from=url)
        roster, fetcher = roster_of(chosen), Fetcher(chosen, Rules(chosen))
        care = caretaker_of("w1", bench.queue, roster, fetcher, chosen)
        work = asyncio.create_task(errands_of("w1", bench.queue, care, fetcher, chosen).run())
        try:
            assert (await asked(bench, "pull", "ours/lofi", {"license": "mit"})).state == "succeeded"
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            server.shutdown()
    card = roster.offers["ours/lofi"]
    assert (card.license, card.attribution) == ("MIT", "Us")
