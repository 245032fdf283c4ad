"""The judge of `make chaos` finds what it is there to find: a world that is in order, harmed in one thing."""

from __future__ import annotations

import asyncio
import io
import json
import random
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import soundfile
from queues import song

from chaos import verdict
from chaos.askers import Asker, Book, Told
from chaos.wishes import MODEL, Sound, Wish, digest
from chaos.world import WORKERS
from muscgen.api import create_app
from muscgen.artifacts import DirectoryStore
from muscgen.audit import audit_of
from muscgen.audit.segments import segments
from muscgen.jobs import EmbeddedServer, Queue, connect
from muscgen.models.registry import Registry
from muscgen.settings import Settings


class Scene:
    """Three songs that were asked for, made once each by one of three workers, and told of."""

    def __init__(self, url, folder):
        self.redis_url, self.folder, self.logs = url, folder, folder / "logs"
        self.logs.mkdir()
        self.queue = Queue(connect(url))
        self.store = DirectoryStore(folder / "home" / "artifacts")
        self.book, self.heard, self.said = Book(), [], []
        settings = Settings(home=folder / "home")
        self.audit = audit_of(settings)
        app = create_app(settings, queue=self.queue, store=self.store, registry=Registry(folder / "none"))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen")
        self.tenant = ""

    async def ask(self, method, path):
        return await self.http.request(method, path)

    async def prepare(self):
        for number in range(3):
            job_id = (await self.queue.enqueue(song(seed=number))).job_id
            self.book.told.append(Told(job_id, "hook", number, "succeeded"))
            [claim] = await self.queue.claim([MODEL], "worker-0", 1)
            artifact = self.store.put(
                b"song %d" % number, owner=job_id, content_type="audio/wav", extension="wav",
                duration_s=1.0, sample_rate=8000, channels=1,
            )  # fmt: skip
            output = {"index": 0, "seed": number, "artifact": artifact.to_dict()}
            self.audit.note("generate", "anyone", job=job_id, how="made")
            await self.queue.finish(claim, {"outputs": [output]})
            self.said.append({"event": "job.left", "job": job_id, "state": "succeeded"})
            self.tell(job_id, f"msg_{number}")
        for number in range(WORKERS):
            await self.work(number, free=2)
        self.book.counts["succeeded"] = 3

    async def work(self, number, free):
        await self.queue.heartbeat(f"worker-{number}", [MODEL], slots=2, free=free)

    def tell(self, job_id, message, status="succeeded"):
        self.heard.append({"id": message, "type": "job.completed", "job": job_id, "status": status})

    @property
    def first(self):
        return self.book.told[0]

    def name(self, rest):
        return self.queue._keys(MODEL).base + rest

    @property
    def audit_file(self):
        (path,) = segments(self.folder / "home" / "audit")
        return path

    @property
    def audit_lines(self):
        return self.audit_file.read_text().splitlines(keepends=True)

    def contents(self):
        return verdict._contents(self.folder / "home" / "artifacts")

    async def judged(self):
        (self.logs / "worker-0.log").write_text("\n".join(["not json", *map(json.dumps, self.said)]))
        await verdict.judge(self, self.book, [self], self.heard)
        return self.book.faults

    async def close(self):
        await self.http.aclose()
        await self.queue.close()


@pytest.fixture
async def scene(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict, "PATIENCE_S", 0.3)
    with EmbeddedServer(tmp_path / "queue") as server:
        scene = Scene(server.url, tmp_path)
        await scene.prepare()
        yield scene
        await scene.close()


async def test_a_world_in_order_is_without_fault(scene):
    assert await scene.judged() == []
    assert scene.book.counts["finished by workers"] == 3
    assert scene.book.counts["artifacts"] == 3


async def lost(scene):
    await scene.queue.delete(scene.first.job_id)


async def never_ended(scene):
    scene.book.told.append(Told((await scene.queue.enqueue(song(seed=9))).job_id, "wait", 9))


async def ended_otherwise(scene):
    scene.first.status = "failed"


async def made_twice(scene):
    scene.said.append(scene.said[0])


async def told_of_by_nobody(scene):
    scene.said.clear()


async def leaked_key(scene):
    await scene.queue.redis.set(scene.name("codes:job_000000000000_x"), "1")


async def slot_of_nobody(scene):
    await scene.queue.redis.zadd(scene.name("leases"), {"job_000000000000_x": 10**15})


async def busy_worker(scene):
    await scene.work(1, free=1)


async def missing_worker(scene):
    await scene.queue.goodbye("worker-2", [MODEL])


async def missing_file(scene):
    scene.contents()[0].unlink()


async def unheard_hook(scene):
    scene.heard.pop()


async def two_ends(scene):
    scene.tell(scene.first.job_id, "another message")


async def wrong_end(scene):
    scene.heard.pop(0)
    scene.tell(scene.first.job_id, "msg_0", "failed")


async def unwritten(scene):
    scene.audit_file.write_text("".join(scene.audit_lines[:-1]))


async def rewritten(scene):
    scene.audit_file.write_text("".join(scene.audit_lines).replace("anyone", "nobody", 1))


async def written_twice(scene):
    for _ in range(2):
        scene.audit.note("generate", "anyone", job=scene.first.job_id, how="hit")


async def still_owed(scene):
    await scene.queue.redis.zadd(scene.name("owed"), {scene.first.job_id: 1})


HARMS = {
    lost: "was accepted and is gone",
    never_ended: "was  and is queued",
    ended_otherwise: "was failed and is succeeded",
    made_twice: "was finished 2 times",
    told_of_by_nobody: "no worker's log",
    leaked_key: "has no expiry",
    slot_of_nobody: "leases holds",
    busy_worker: "slots occupied",
    missing_worker: "there are 2 workers",
    missing_file: "is shown and not there",
    unheard_hook: "heard of 0 ends",
    two_ends: "heard of 2 ends",
    wrong_end: "its webhook heard failed",
    unwritten: "no line of the audit log says so",
    rewritten: "line 1 was changed",
    written_twice: "is written down 2 times as hit",
    still_owed: "owed has no expiry",
}


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
async def test_each_harm_is_found(scene, harm):
    await harm(scene)
    faults = await scene.judged()
    assert any(HARMS[harm] in fault for fault in faults), faults


async def test_a_line_that_an_api_still_owes_is_waited_for(scene, monkeypatch):
    monkeypatch.setattr(verdict, "PATIENCE_S", 30.0)
    await still_owed(scene)

    async def write():
        await asyncio.sleep(0.7)
        await scene.queue.settle_owed(scene.first.job_id)

    writing = asyncio.create_task(write())
    assert await scene.judged() == []
    await writing


async def test_a_file_that_no_sweep_takes_is_an_orphan(scene, monkeypatch):
    async def forgetful(queue, store):
        pass

    monkeypatch.setattr(verdict, "_sweep", forgetful)
    scene.store.put(
        b"of nobody", owner="job_000000000000_x", content_type="audio/wav", extension="wav",
        duration_s=1.0, sample_rate=8000, channels=1,
    )  # fmt: skip
    faults = await scene.judged()
    assert any("is an orphan" in fault for fault in faults), faults
    assert any("files are left of nobody" in fault for fault in faults), faults


async def test_a_job_that_cannot_be_deleted_is_a_fault(scene):
    async def refusing(method, path):
        return httpx.Response(409, text="no")

    scene.ask = refusing
    faults = await scene.judged()
    assert sum("cannot be deleted: 409" in fault for fault in faults) == 3
    assert any("files are left of nobody" in fault for fault in faults), faults


def wav(level):
    file = io.BytesIO()
    soundfile.write(file, np.full(800, level, np.float32), 8000, format="WAV")
    return file.getvalue()


WISH = Wish(0, {"prompt": "a", "output": {"format": "wav"}})
RIGHT, WRONG = wav(0.25), wav(0.5)


def asker(content, *, ids=("job_a", "job_a"), statuses=(202, 202)):
    """One whose service gives that content, and those answers to POST."""
    left = [httpx.Response(status, json={"id": job_id}) for job_id, status in zip(ids, statuses, strict=True)]

    async def ask(method, path):
        return httpx.Response(200, content=content)

    async def make(body, key):
        return left.pop()

    sound = Sound(files=[digest(RIGHT)], told=["as told"], live=digest(RIGHT))
    service = SimpleNamespace(ask=ask, make=make)
    return Asker("one", service, [WISH], {0: sound}, Book(), random.Random(0))


def job(told="as told"):
    return {"id": "job_a", "outputs": [{"audio_sha256": told, "artifact": {"url": "/artifacts/a"}}]}


@pytest.mark.parametrize(
    ("content", "told", "fault"),
    [
        (RIGHT, "as told", None),
        (WRONG, "as told", "sounds otherwise than undisturbed"),
        (RIGHT, "otherwise", "tells of another sound"),
    ],
)
async def test_codes_that_are_not_those_of_an_undisturbed_run_are_found(content, told, fault):
    one = asker(content)
    await one._check_sound(job(told), WISH)
    assert [fault in text for text in one.book.faults] == ([True] if fault else [])


@pytest.mark.parametrize("live", [True, False])
def test_what_was_heard_and_is_another_sound_is_found(live):
    one = asker(b"")
    one._check_heard("job_a", WISH, live, RIGHT)
    assert one.book.faults == []
    one._check_heard("job_a", WISH, live, WRONG)
    assert "is another sound" in one.book.faults[0]


@pytest.mark.parametrize(
    ("events", "faults"),
    [
        ([("1", "queued"), ("2", "completed")], 0),
        ([("1", "queued"), ("2", "completed"), ("3", "completed")], 1),
        ([("1", "queued")], 1),
        ([("1", "queued"), ("1", "started"), ("2", "completed")], 1),
    ],
)
def test_events_that_are_told_twice_or_never_are_found(events, faults):
    one = asker(b"")
    one._check_events("job_a", events)
    assert len(one.book.faults) == faults


async def test_one_key_that_is_two_jobs_and_a_wish_that_is_refused_are_found(monkeypatch):
    async def nothing(self, told, wish):
        pass

    monkeypatch.setattr(Asker, "_see_through", nothing)
    for one, fault in (
        (asker(b""), None),
        (asker(b"", ids=("job_a", "job_b")), "is two jobs"),
        (asker(b"", statuses=(202, 500)), "500"),
    ):
        await one._ask(WISH, "twice", "key")
        assert [fault in text for text in one.book.faults] == ([True] if fault else [])
