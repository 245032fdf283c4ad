"""The runs: one song through the real service, and many workers without engines."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from load.service import serving
from muscgen.jobs import Queue, connect
from simulate.batched import Batched
from simulate.players import MODEL, Askers, Counts, FakeWorker
from simulate.server import Work, started, work
from tests.contracts.servers import Node

Row = dict[str, Any]
CLIENTS = 4  # connections of the simulation
SETTLE_S = 6.0  # until every worker has said that it lives


def real_song(seconds: float, songs: int) -> Row:
    """What the real API and worker ask of Redis for a song, above what they ask at rest."""
    with tempfile.TemporaryDirectory(prefix="simulate") as folder:
        node = started(Path(folder) / "redis")
        try:
            with (
                serving(worker=True, MUSCGEN_REDIS_URL=f"redis://127.0.0.1:{node.port}") as service,
                node.client() as client,
                httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=60) as http,
            ):
                _song(http, seconds, seed=0)  # imports, scripts, caches
                before = work(client)
                time.sleep(5)
                rest = work(client).since(before)
                before = work(client)
                for number in range(songs):
                    _song(http, seconds, seed=1 + number)
                made = work(client).since(before)
                return of_a_song("real", made, rest, songs, made.at / songs)
        finally:
            node.kill()


def _song(http: httpx.Client, seconds: float, seed: int) -> None:
    body = {"prompt": "warm lo-fi with a soft piano, 90 bpm, mellow", "duration": seconds, "seed": seed}
    job = http.post("/generate", json=body).raise_for_status().json()
    while not job["completed_at"]:
        job = http.get(job["urls"]["self"], params={"wait": 30}).raise_for_status().json()
    assert job["status"] == "succeeded", job


async def fake_song(seconds: float, song_s: float, songs: int) -> Row:
    """The same of the simulation: one worker with one slot, one asker."""
    with tempfile.TemporaryDirectory(prefix="simulate") as folder:
        node = started(Path(folder))
        try:
            queue, counts = _queue(node), Counts()
            waiting = Queue(connect(f"redis://127.0.0.1:{node.port}"))  # what blocks goes by itself
            worker = FakeWorker("w", queue, 1, song_s, counts, random.Random(1))
            working = asyncio.create_task(worker.run())
            askers = Askers(queue, 1, seconds)
            with node.client() as client:
                await _sing(waiting, askers)
                before = work(client)
                await asyncio.sleep(5)
                rest = work(client).since(before)
                before = work(client)
                for _ in range(songs):
                    await _sing(waiting, askers)
                made = work(client).since(before)
            await _ended(working, queue)
            await waiting.close()
            return of_a_song("simulated", made, rest, songs, song_s)
        finally:
            node.kill()


async def _sing(waiting: Queue, askers: Askers) -> None:
    job = await waiting.wait(await askers.ask(), 60)
    assert job.state == "succeeded", job


def of_a_song(name: str, made: Work, rest: Work, songs: int, song_s: float) -> Row:
    """Less what the processes ask at rest. song_s: from asking to the end."""
    share = made.at / rest.at

    def each(total: float, idle: float) -> float:
        return max(0.0, total - share * idle) / songs

    return {
        "run": name,
        "song_s": round(song_s, 2),
        "scripts": round(each(made.scripts, rest.scripts), 1),
        "commands": round(each(made.commands.total(), rest.commands.total())),
        "received_kb": round(each(made.received_bytes, rest.received_bytes) / 1e3, 1),
        "sent_kb": round(each(made.sent_bytes, rest.sent_bytes) / 1e3, 1),
        "cpu_ms": round(1e3 * each(made.cpu_s, rest.cpu_s), 2),
        "at_rest_scripts_per_s": round(rest.scripts / rest.at, 1),
    }


async def crowd(workers: int, slots: int, song_s: float, seconds: float, measured_s: float) -> Row:
    """So many workers, all of whose slots are always taken, or that have nothing to do (`slots` 0)."""
    with tempfile.TemporaryDirectory(prefix="simulate") as folder:
        node = started(Path(folder))
        try:
            return await _crowd(node, workers, slots, song_s, seconds, measured_s)
        finally:
            node.kill()


async def _crowd(
    node: Node, workers: int, slots: int, song_s: float, seconds: float, measured_s: float
) -> Row:
    queues = [_queue(node) for _ in range(CLIENTS)]
    counts, dice = Counts(), random.Random(workers)
    fakes = [
        FakeWorker(f"worker-{number}", queues[number % CLIENTS], max(1, slots), song_s, counts, dice)
        for number in range(workers)
    ]
    tasks = [asyncio.create_task(fake.run()) for fake in fakes]
    if slots:
        askers = Askers(queues[0], 2 * workers * slots, seconds)
        tasks.append(asyncio.create_task(askers.run(min(64, workers))))
    await asyncio.sleep(SETTLE_S + (1.5 * song_s if slots else 0))
    with node.client() as client:
        before, own, ended = work(client), time.process_time(), counts.ended
        counts.latencies.clear()
        counts.late_s.clear()
        await asyncio.sleep(measured_s)
        made, own = work(client).since(before), time.process_time() - own
    row = row_of(workers, slots, song_s, counts.ended - ended, made, own, counts)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for queue in queues:
        await queue.close()
    return row


def row_of(
    workers: int, slots: int, song_s: float, ended: int, made: Work, own_s: float, counts: Counts
) -> Row:
    late = statistics.median(counts.late_s) if counts.late_s else 0.0
    answers = sorted(counts.latencies)
    return {
        "workers": workers,
        "songs_at_once": workers * slots,
        "wanted_songs_per_s": round(workers * slots / song_s, 1),
        "songs_per_s": round(ended / made.at, 1),
        "late_s": round(late, 2),
        "report_p99_ms": round(1e3 * answers[int(0.99 * len(answers))], 1) if answers else 0.0,
        "scripts_per_s": round(made.scripts / made.at),
        "in_mb_per_s": round(made.received_bytes / made.at / 1e6, 2),
        "out_mb_per_s": round(made.sent_bytes / made.at / 1e6, 2),
        "redis_cores": round(made.cores, 2),
        "redis_mb": round(made.memory_bytes / 1e6, 1),
        "simulation_cores": round(own_s / made.at, 2),
        "faults": dict(counts.faults),
    }


def _queue(node: Node) -> Queue:
    client = Batched(host="127.0.0.1", port=node.port)
    return Queue(client, max_depth=10**6)


async def _ended(task: asyncio.Task[None], queue: Queue) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await queue.close()


__all__ = ["MODEL", "Row", "crowd", "fake_song", "of_a_song", "real_song"]
