"""Songs that outlive the worker that began them."""

from __future__ import annotations

import asyncio
import struct
import threading

import numpy as np
import pytest
from bench import SHAPE, Organ, idle
from test_worker import bad_for

from muscgen.finishing.pipeline import finish
from muscgen.jobs import State
from muscgen.worker import run, songs
from muscgen.worker.checkpoints import Saved, maker_of

STATES = 97


class Fugue(Organ):
    """Every code depends on all that were before it, so that a song shows where it was torn."""

    def __init__(self, rows):
        super().__init__(rows)
        self._state = [0] * rows
        self._table = np.random.default_rng(5).normal(size=(STATES, SHAPE.codebooks, SHAPE.vocabulary))

    def open_row(self, row, text, *rest):
        self._state[row] = len(text or "") % STATES
        return super().open_row(row, text, *rest)

    def move_row(self, source, target, length):  # noqa: ARG002
        self._state[target] = self._state[source]

    def step(self, tokens, positions):
        super().step(tokens, positions)
        for row, column in enumerate(tokens):
            self._hear(row, column)
        return self._table[self._state[: len(tokens)]].astype(np.float32) * 3

    def feed(self, rows, tokens, position):  # noqa: ARG002
        for row in rows:
            for column in tokens:
                self._hear(row, column)

    def _hear(self, row, column):
        self._state[row] = (31 * self._state[row] + int(np.dot(column, [1, 7]))) % STATES


@pytest.fixture(autouse=True)
def often(bench, monkeypatch):
    monkeypatch.setattr(songs, "SAVE_INTERVAL_S", 0.05)
    bench.organ = Fugue(rows=8)


def digests(job):
    assert job.state is State.SUCCEEDED, job.error
    return [output["artifact"]["sha256"] for output in job.result["outputs"]]


async def undisturbed(bench, **changes):
    async with bench.worker("calm"):
        return await bench.ended(await bench.ask(**changes))


async def codes_of(bench, job_id, frames, outputs=1):
    """Until so many frames of all outputs are kept."""
    async with asyncio.timeout(60):
        while True:
            kept = await bench.queue.load_codes(job_id)
            if len(kept) == outputs and all((len(one) - 20) // 4 >= frames for one in kept.values()):
                return kept
            await asyncio.sleep(0.02)


async def torn(bench, how, frames=20, **changes):
    """A job whose first worker stops in the middle, finished by another."""
    bench.organ.crawl_after(frames + 5)
    job_id = await bench.ask(**changes)
    async with bench.worker("first", drain_s=0.0 if how == "drained" else 60.0) as worker:
        await codes_of(bench, job_id, frames, changes.get("n", 1))
        worker.drain()
        if how == "killed":
            await bench.lose(job_id)
        await idle(worker)
    bench.organ.hurry()
    async with bench.worker("second"):
        return await bench.ended(job_id)


WISHES = {
    "one": {},
    "three": {"n": 3},
    "long": {"duration": 2.0, "long_form": {"window": 0.6, "stride": 0.3}},
    "sections": {
        "prompt": None,
        "sections": ({"prompt": "organ", "duration": 1.0}, {"prompt": "a flute", "duration": 1.0}),
        "duration": 2.0,
    },
}


@pytest.mark.parametrize("how", ["killed", "drained"])
@pytest.mark.parametrize("name", WISHES)
async def test_a_song_that_two_workers_made_is_the_song_bit_for_bit(bench, name, how):
    usual = await undisturbed(bench, **WISHES[name])
    job = await torn(bench, how, **WISHES[name])
    assert digests(job) == digests(usual)
    assert (job.worker, job.attempts) == ("second", 2 if how == "killed" else 1)
    assert 0.4 <= job.result["resumed_from_seconds"] < WISHES[name].get("duration", 1.0)
    assert job.progress["resumed_from_seconds"] == job.result["resumed_from_seconds"]
    assert usual.result["resumed_from_seconds"] is None
    assert usual.progress["resumed_from_seconds"] is None


async def test_a_second_attempt_resumes_as_the_second_attempt(bench, monkeypatch):
    monkeypatch.setattr(run, "finish", bad_for(1))
    usual = await undisturbed(bench)
    monkeypatch.setattr(run, "finish", bad_for(1))
    bench.organ.crawl_after(51 + 20)  # the song that is thrown away, and the beginning of the next
    job_id = await bench.ask()
    async with bench.worker("first", drain_s=0.0) as worker:
        async for event in bench.queue.events(job_id):
            if event.kind == "warning":
                break
        async with asyncio.timeout(60):
            while (await bench.queue.load_codes(job_id))[0][2] != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        worker.drain()
        await idle(worker)
    bench.organ.hurry()
    async with bench.worker("second"):
        job = await bench.ended(job_id)
    assert digests(job) == digests(usual)
    assert "another sub-seed" in job.result["warnings"][0]


async def test_a_song_that_was_complete_is_not_made_again(bench, monkeypatch):
    usual = await undisturbed(bench)
    lost = threading.Event()

    def slow(audio, output, *marks):
        lost.wait(60)
        return finish(audio, output, *marks)

    monkeypatch.setattr(run, "finish", slow)
    job_id = await bench.ask()
    async with bench.worker("first") as worker:
        await codes_of(bench, job_id, 50)
        worker.drain()
        await bench.lose(job_id)
        lost.set()
        await idle(worker)
    monkeypatch.setattr(run, "finish", finish)
    before = bench.organ.steps
    async with bench.worker("second"):
        job = await bench.ended(job_id)
    assert digests(job) == digests(usual)
    assert bench.organ.steps - before <= 1
    assert job.result["resumed_from_seconds"] == 1.0


def damaged(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "spoil",
    [
        damaged,
        lambda content: content[:-2],
        lambda content: content[:0],
        lambda content: b"\x02" + content[1:],
        lambda content: content[:12] + b"elsewise" + content[20:],
        lambda content: Saved(0, np.zeros((2, 900), np.int32)).to_bytes(content[12:20]),
        lambda content: Saved(0, np.full((2, 9), 99)).to_bytes(content[12:20]),
        lambda content: Saved(7, np.zeros((2, 9), np.int32)).to_bytes(content[12:20]),
    ],
    ids=["damaged", "short", "empty", "version", "maker", "long", "vocabulary", "attempt"],
)
async def test_codes_that_cannot_be_used_cost_time_and_no_more(bench, spoil):
    usual = await undisturbed(bench)
    job_id = await bench.ask()
    [claim] = await bench.queue.claim([bench.card.id], "dead", 1)
    maker = maker_of({**usual.result["model"]})
    content = Saved(0, np.zeros((2, 9), np.int32)).to_bytes(maker)
    await bench.queue.save_codes(claim, {0: spoil(content)})
    await bench.queue.hand_back(claim)
    async with bench.worker():
        job = await bench.ended(job_id)
    assert digests(job) == digests(usual)
    assert job.result["resumed_from_seconds"] is None


async def test_an_outage_when_codes_are_loaded_costs_time_and_no_more(bench, monkeypatch):
    async def away(_):
        raise songs.QueueUnavailable("away")

    monkeypatch.setattr(bench.queue, "load_codes", away)
    async with bench.worker():
        assert (await bench.ended(await bench.ask())).state is State.SUCCEEDED


def test_codes_are_kept_small_and_come_back_as_they_were():
    codes = np.random.default_rng(0).integers(0, 2048, (4, 1500)).astype(np.int32)
    content = Saved(1, codes).to_bytes(b"12345678")
    assert len(content) == 20 + 30 * 400
    assert struct.unpack_from("<BBB", content) == (1, 4, 1)
    back = Saved.read(content, b"12345678")
    assert back.attempt == 1
    assert np.array_equal(back.codes, codes)


def test_another_precision_or_device_is_another_maker():
    made_by = {"id": "m", "revision": "r", "backend": "torch", "dtype": "fp32"}
    makers = {
        maker_of(made_by, "cpu fp32"),
        maker_of(made_by, "cuda fp32"),
        maker_of(made_by | {"dtype": "fp16"}, "cuda fp16"),
        maker_of(made_by | {"revision": "s"}, "cpu fp32"),
    }
    assert len(makers) == 4
