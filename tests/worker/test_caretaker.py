"""Models that come when a job wants them, and go when nobody does; over a real queue, with real models."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading

import pytest
from bench import idle, song
from fetching.hub_server import COMMIT, Trouble
from tiny import MUSCGEN_TINY

from muscgen.artifacts import DirectoryStore
from muscgen.errors import LicenceRefused, ModelNotFound
from muscgen.fetching.patience import Patience
from muscgen.jobs import State
from muscgen.models.terms import shipped
from muscgen.rights import Acceptances, Rules, licensed
from muscgen.settings import load
from muscgen.worker import Worker, caretaker
from muscgen.worker.duties import duties_of
from muscgen.worker.fetcher import Fetcher
from muscgen.worker.main import caretaker_of, roster_of

TINY = "muscgen-tiny"
SMALL = "facebook/musicgen-small"
SHORT = {"duration": 0.5, "sampling": {"temperature": 1.0, "top_k": 0, "top_p": 0.0, "guidance_scale": 1.0}}


def put(home, model, change=("", "")):
    """muscgen-tiny under another name."""
    folder = shutil.copytree(MUSCGEN_TINY, home / "models" / model.replace("/", "--"))
    card = (folder / "card.toml").read_text("utf-8").replace('"muscgen-tiny"', f'"{model}"')
    (folder / "card.toml").write_text(card.replace(*change), "utf-8")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(caretaker, "TURN_S", 0.05)


class Home:
    """A worker with its own home at the bench's queue."""

    def __init__(self, bench, path):
        self.bench, self.path = bench, path
        self.queue = bench.queue

    @contextlib.asynccontextmanager
    async def worker(self, **settings):
        chosen = load({}, home=self.path, slots=2, **settings)
        roster = roster_of(chosen)
        fetcher = Fetcher(chosen, Rules(chosen))
        care = caretaker_of("w1", self.queue, roster, fetcher, chosen)
        await care.preload(chosen)
        store = DirectoryStore(chosen.artifacts_path)
        keeper, duties = self.bench._keeper, duties_of(chosen)
        self.working = worker = Worker("w1", self.queue, store, roster, keeper, duties, drain_s=60.0)
        tasks = [asyncio.create_task(care.run()), asyncio.create_task(worker.run())]
        try:
            yield roster
        finally:
            worker.drain()
            worker.drain()
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            roster.close()

    async def ask(self, model, **changes):
        return (await self.queue.enqueue(song(model=model, **SHORT | changes))).job_id

    async def made(self, model, **changes):
        job = await self.bench.ended(await self.ask(model, **changes), limit_s=100)
        assert job.state is State.SUCCEEDED, job.error
        await idle(self.working)  # its client is told a moment before its model is let go
        return job


@pytest.fixture
def home(bench, tmp_path):
    return Home(bench, tmp_path / "home")


async def until(what, limit_s=100.0):
    async with asyncio.timeout(limit_s):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_worker_begins_with_the_default_model_and_loads_others_for_their_first_job(home):
    put(home.path, "second")
    async with home.worker() as roster:
        assert list(roster.loaded) == [TINY]
        [worker] = [one for one in await _workers(home, "second") if one.holds == "here"]
        assert worker.slots == 0
        job = await home.made("second")
        assert job.result["model"]["id"] == "second"
        assert set(roster.loaded) == {TINY, "second"}


async def _workers(home, model):
    found = []
    async with asyncio.timeout(60):
        while not found:
            found = await home.queue.workers(model)
            await asyncio.sleep(0.02)
    return found


async def test_a_model_that_nobody_uses_is_unloaded_and_comes_back(home):
    put(home.path, "second")
    async with home.worker(model_idle_s=0.3) as roster:
        await home.made("second")
        await until(lambda: "second" not in roster.loaded)
        assert TINY in roster.loaded  # it was to be there from the start
        await home.made("second", seed=8)


async def test_an_idle_model_makes_way_for_one_that_is_wanted(home):
    put(home.path, "second")
    put(home.path, "third")
    one_mb = 150 + 150 // 2
    async with home.worker(memory_mb=2 * one_mb, preload=("second",)) as roster:
        need = roster._room.need(roster.offers["second"])
        assert 1 < 2 * one_mb * 1e6 / need.of(2) < 3  # two fit, three do not
        await home.made("third")
        assert set(roster.loaded) == {"second", "third"}
        await home.made(TINY)
        assert set(roster.loaded) == {"second", TINY}  # the kept one stayed


async def test_a_kept_model_does_not_go_because_songs_of_the_other_are_asked_for_just_then(home):
    put(home.path, "second")
    put(home.path, "third")
    async with home.worker(memory_mb=2 * (150 + 150 // 2), preload=("second",)) as roster:
        await home.made("third")
        with roster.asking("third"):
            wanted = await home.ask(TINY)
            await asyncio.sleep(3.0)  # longer than a model settles
            assert set(roster.loaded) == {"second", "third"}
        await home.bench.ended(wanted, limit_s=100)
        assert set(roster.loaded) == {"second", TINY}


async def test_no_model_is_unloaded_under_a_song_and_nobody_waits_for_ever(home, monkeypatch):
    monkeypatch.setattr(caretaker, "PATIENCE_S", 0.3)
    put(home.path, "second")
    async with home.worker(memory_mb=1) as roster:
        long = await home.ask(TINY, duration=20.0)
        await home.bench.until(long, State.RUNNING, limit_s=60)
        more = [await home.ask(TINY, duration=5.0, seed=seed) for seed in range(3)]
        other = await home.ask("second")
        job = await home.bench.ended(other, limit_s=100)
        assert job.state is State.SUCCEEDED
        assert (await home.queue.get(long)).state is State.SUCCEEDED  # its song ran out before
        for job_id in more:
            assert (await home.bench.ended(job_id, limit_s=100)).state is State.SUCCEEDED
        assert len(roster.loaded) == 1


async def test_a_model_that_is_added_while_running_is_noticed_and_one_that_is_removed_too(home):
    async with home.worker() as roster:
        put(home.path, "second")
        await until(lambda: "second" in roster.offers)
        await home.made("second")
        shutil.rmtree(home.path / "models" / "second")
        await until(lambda: "second" not in roster.loaded)
        assert "second" not in roster.offers
        assert await home.queue.workers("second") == []


async def test_a_model_that_changed_is_loaded_anew(home):
    folder = put(home.path, "second")
    async with home.worker() as roster:
        before = (await home.made("second")).result["model"]["revision"]
        content = bytearray((folder / "model.safetensors").read_bytes())
        content[-3] ^= 1
        (folder / "new").write_bytes(content)
        (folder / "new").replace(folder / "model.safetensors")
        await until(lambda: "second" not in roster.loaded)
        assert (await home.made("second", seed=9)).result["model"]["revision"] != before


async def test_a_folder_that_cannot_be_read_disturbs_nobody(home):
    async with home.worker() as roster:
        (home.path / "models" / "broken").mkdir(parents=True)
        (home.path / "models" / "broken" / "card.toml").write_text("id = ")
        put(home.path, "second")
        await until(lambda: "second" in roster.offers)
        await home.made("second")


async def test_jobs_of_a_model_that_cannot_be_loaded_end_with_the_reason(home):
    folder = put(home.path, "second")
    async with home.worker():
        (folder / "tokenizer.json").write_text("{}")
        job = await home.bench.ended(await home.ask("second"), limit_s=100)
        assert job.state is State.FAILED
        assert job.error["code"] == "checkpoint_invalid"
        await home.made(TINY)


async def test_while_a_model_comes_the_queue_says_so(home, monkeypatch):
    put(home.path, "second")
    async with home.worker() as roster:
        load_it, seen = roster._load, threading.Event()

        def slowly(card, slots):
            seen.wait(60)
            return load_it(card, slots)

        roster._load = slowly
        job_id = await home.ask("second")
        async with asyncio.timeout(60):
            while (coming := await home.queue.coming("second")) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (coming.worker, coming.stage) == ("w1", "loading")
        assert (await home.queue.get(job_id)).state is State.QUEUED
        seen.set()
        await home.bench.ended(job_id, limit_s=100)
        assert await home.queue.coming("second") is None


async def test_a_paused_model_is_not_loaded(home):
    put(home.path, "second")
    await home.queue.pause("second")
    async with home.worker() as roster:
        job_id = await home.ask("second")
        await asyncio.sleep(0.5)
        assert "second" not in roster.loaded
        await home.queue.resume("second")
        assert (await home.bench.ended(job_id, limit_s=100)).state is State.SUCCEEDED


async def test_named_models_are_there_from_the_start_or_the_worker_does_not_begin(home):
    put(home.path, "second")
    async with home.worker(models=("second",)) as roster:
        assert list(roster.loaded) == list(roster.offers) == ["second"]
    with pytest.raises(ModelNotFound):
        async with home.worker(preload=("nothing",)):
            pass
    put(home.path, SMALL, ("Apache-2.0", "CC-BY-NC-4.0"))
    with pytest.raises(LicenceRefused, match="not accepted"):
        async with home.worker(models=(SMALL,)):
            pass


def accept(home):
    terms = licensed(shipped()[SMALL])
    path = load({}, home=home.path).acceptances_path
    Acceptances(path).add(SMALL, terms.license, terms.text, person="Ada")


async def test_a_known_model_is_fetched_for_its_first_job_once_its_terms_are_accepted(home, hub):
    async with home.worker() as roster:
        assert roster.absent == []
        job_id = await home.ask(SMALL)
        await asyncio.sleep(0.3)
        assert hub.asked == []
        hub.pace_s = 0.01
        accept(home)
        async with asyncio.timeout(60):
            while (coming := await home.queue.coming(SMALL)) is None or not coming.done:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        hub.pace_s = 0.0
        assert coming.stage == "fetching"
        assert coming.total > 60_000_000
        job = await home.bench.ended(job_id, limit_s=100)
        assert job.state is State.SUCCEEDED
        assert job.result["model"]["commit"] == COMMIT
        assert job.result["model"]["license"] == "CC-BY-NC-4.0"


async def test_jobs_of_a_model_that_is_refused_elsewhere_end_with_the_reason(home, hub):
    hub.gated.add(SMALL)
    accept(home)
    async with home.worker():
        job = await home.bench.ended(await home.ask(SMALL), limit_s=100)
        assert (job.state, job.attempts, job.error["code"]) == (State.FAILED, 1, "source_refused")
        assert "HF_TOKEN" in job.error["suggestion"]


async def test_jobs_of_a_model_whose_place_is_away_are_tried_again_and_then_end(home, hub, monkeypatch):
    hub.troubles["/revision/main"].extend([Trouble(503)] * 100)
    monkeypatch.setattr(caretaker, "PAUSE_S", 0.01)
    monkeypatch.setattr("muscgen.worker.fetcher.Patience", lambda stop: Patience(tries=1, stop=stop))
    accept(home)
    async with home.worker():
        job = await home.bench.ended(await home.ask(SMALL), limit_s=100)
        assert (job.state, job.attempts, job.error["code"]) == (State.FAILED, 3, "source_away")


async def test_nothing_is_fetched_where_it_is_not_wanted(home, monkeypatch):
    accept(home)
    for settings in ({"fetch_on_use": False}, {"models": (TINY,)}):
        async with home.worker(**settings) as roster:
            assert roster.absent == []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    async with home.worker() as roster:
        assert roster.absent == []


async def test_a_model_that_was_away_for_a_moment_under_a_song_takes_songs_again(home):
    folder = put(home.path, "second")
    async with home.worker() as roster:
        await home.made("second")
        roster.use("second")  # as a song does
        folder.rename(home.path / "aside")
        await until(lambda: "second" not in roster.open())
        (home.path / "aside").rename(folder)
        await until(lambda: "second" in roster.open())
        roster.done("second")
        await home.made("second", seed=9)


@pytest.fixture
async def cared_for(bench, tmp_path):
    """A caretaker that does nothing by itself, of a worker with little memory; and its roster."""
    chosen = load({}, home=tmp_path / "home", memory_mb=1, fetch_on_use=False)
    put(tmp_path / "home", "second")
    roster = roster_of(chosen)
    care = caretaker_of("w1", bench.queue, roster, Fetcher(chosen, Rules(chosen)), chosen)
    await care.preload(chosen)
    yield care, roster
    roster.close()


async def test_a_model_that_an_operator_wants_unloaded_is_not_taken_back_by_a_look(cared_for):
    care, roster = cared_for
    roster.use(TINY)
    assert not await care.unload(TINY)
    await care.turn()
    assert TINY not in roster.open()
    care.stay(TINY)
    assert TINY in roster.open()


async def test_a_model_that_found_no_room_is_not_kept_later(cared_for):
    care, roster = cared_for
    roster.use(TINY)
    assert not await care.load("second", keep=True)
    roster.done(TINY)
    await roster.unload(TINY, "asked")
    assert await care.load("second")
    await asyncio.sleep(0.01)
    assert roster.idle_for_s("second") > 0
    assert await care.load("second", keep=True)
    assert roster.idle_for_s("second") == 0
