"""What must be so once all is calm."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import muscgen.worker.main as sweeping
from chaos.askers import Book
from chaos.service import Service
from chaos.wishes import MODEL
from chaos.world import WORKERS, World
from chaos.written import check_audit, until_settled
from muscgen.artifacts import DirectoryStore
from muscgen.errors import JobExpired, JobNotFound
from muscgen.jobs import Queue, State, connect
from muscgen.jobs.keys import Keys, tag
from muscgen.worker.keeping import shown_by
from tests.queues import faults

PATIENCE_S = 90.0  # a dead worker's record lasts 20 s; a dead API's calls of webhooks and lines of audit, 30
CONTENT = re.compile(r"[0-9a-f]{64}\.(?!json$)[a-z0-9]+$")


async def judge(world: World, book: Book, services: list[Service], heard: list[dict[str, Any]]) -> None:
    """Writes what is not so into the book."""
    client = connect(world.redis_url)
    queue = Queue(client, lease_s=60.0)
    folder = world.folder / "home" / "artifacts"
    store = DirectoryStore(folder)
    try:
        await _until_idle(queue, book)
        await _one_end_each(queue, book)
        _one_success_each(world.logs, book)
        await _hooks(book, heard)
        await _artifacts(queue, store, folder, book)
        await until_settled(queue, PATIENCE_S)
        check_audit(world.folder / "home", book)
        for fault in await faults(client, queue.prefix):
            book.fault(f"queue: {fault}")
        await _all_can_go(queue, services, book)
        await _nothing_left(queue, store, folder, book)
    finally:
        await queue.close()


async def _until_idle(queue: Queue, book: Book) -> None:
    """All workers are there, and all their slots are free."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        workers = await queue.workers(MODEL)
        busy = {worker.id: worker.slots - worker.free for worker in workers if worker.free != worker.slots}
        if len(workers) == WORKERS and not busy and not await queue.running(MODEL):
            return
        await asyncio.sleep(0.5)
    book.fault(
        f"after {PATIENCE_S:g} s of calm there are {len(workers)} workers, with slots occupied: {busy}"
    )


async def _one_end_each(queue: Queue, book: Book) -> None:
    for told in book.told:
        if told.deleted:
            continue
        try:
            job = await queue.get(told.job_id)
        except (JobNotFound, JobExpired):
            book.fault(f"{told.job_id} was accepted and is gone")
            continue
        if not job.terminal or (told.status and job.state != told.status):
            book.fault(f"{told.job_id} was {told.status} and is {job.state}")


def _one_success_each(logs: Path, book: Book) -> None:
    """No two workers finished one job."""
    left: Counter[str] = Counter()
    for log in logs.glob("worker-*.log"):
        for line in log.read_text("utf-8", "replace").splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue  # cut off by a kill
            if said.get("event") == "job.left" and said.get("state") == State.SUCCEEDED:
                left[said["job"]] += 1
    book.counts["finished by workers"] = left.total()
    for job_id, times in left.items():
        if times > 1:
            book.fault(f"{job_id} was finished {times} times")
    if book.counts["succeeded"] and not left:
        book.fault("no worker's log tells of a job that it finished")


async def _hooks(book: Book, heard: list[dict[str, Any]]) -> None:
    """Each end was told, at least once, and always as the same message."""
    wanted = {told.job_id: told for told in book.told if told.way == "hook" and told.status}
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and wanted.keys() - _ends(heard).keys():  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    ends = _ends(heard)
    book.counts["calls of webhooks"] = len(heard)
    for job_id, told in wanted.items():
        if len(ends.get(job_id, ())) != 1:
            book.fault(f"{job_id}: its webhook heard of {len(ends.get(job_id, ()))} ends, not one")
        elif (status := next(iter(ends[job_id]))[1]) != told.status:
            book.fault(f"{job_id} is {told.status}, and its webhook heard {status}")


def _ends(heard: list[dict[str, Any]]) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for call in heard:
        if call["type"].endswith("completed"):
            found.setdefault(call["job"], set()).add((call["id"], call["status"]))
    return found


async def _artifacts(queue: Queue, store: DirectoryStore, folder: Path, book: Book) -> None:
    """What the store holds is what jobs show, once it was swept as workers do."""
    await _sweep(queue, store)
    shown = set()
    for job in await _all(queue):
        shown |= shown_by(job) or set()
    there = {path.name.partition(".")[0] for path in _contents(folder)}
    book.counts["artifacts"] = len(there)
    kept = await _cached(queue)
    for artifact in there - shown - kept:
        book.fault(f"artifact {artifact} is an orphan")
    for artifact in shown - there:
        book.fault(f"artifact {artifact} is shown and not there")


async def _all_can_go(queue: Queue, services: list[Service], book: Book) -> None:
    """Every job is deleted by its tenant."""
    by_tenant = {service.tenant: service for service in services}
    for job in await _all(queue):
        answer = await by_tenant[job.tenant].ask("DELETE", f"/jobs/{job.id}")
        if answer.status_code not in (200, 204):
            book.fault(f"{job.id} cannot be deleted: {answer.status_code} {answer.text[:200]}")


async def _nothing_left(queue: Queue, store: DirectoryStore, folder: Path, book: Book) -> None:
    """In the store, or without an expiry in the queue."""
    await queue.sweep()
    await _sweep(queue, store)
    if left := [path.name for path in _contents(folder)]:
        book.fault(f"{len(left)} files are left of nobody: {left[:5]}")
    for fault in await faults(queue.redis, queue.prefix):
        book.fault(f"queue, when all is deleted: {fault}")
    stats = await queue.stats(MODEL)
    if stats.running or stats.retrying or sum(stats.waiting.values()):
        book.fault(f"the queue is not empty: {stats}")


async def _sweep(queue: Queue, store: DirectoryStore) -> None:
    """As workers do every ten minutes; what is young is not spared, for nobody is at work."""
    sweeping.YOUNG_S = 0.0
    loop = asyncio.get_running_loop()

    def live(owner: str) -> bool:
        return asyncio.run_coroutine_threadsafe(sweeping.owns(queue, owner), loop).result()

    def wanted(owner: str, artifact_id: str) -> bool:
        return asyncio.run_coroutine_threadsafe(sweeping.wants(queue, owner, artifact_id), loop).result()

    await asyncio.to_thread(store.sweep, live, wanted)


async def _all(queue: Queue) -> list[Any]:
    jobs, cursor = [], None
    while True:
        page = await queue.list(limit=200, cursor=cursor)
        jobs += page.jobs
        if (cursor := page.next_cursor) is None:
            return jobs


async def _cached(queue: Queue) -> set[str]:
    """The artifacts of results that the cache keeps."""
    base = Keys(tag(MODEL)).base
    found = set()
    for work in await queue.redis.zrange(f"{base}cache", 0, -1):
        result = await queue.cached(MODEL, work.decode())
        found |= {output["artifact"]["id"] for output in (result or {}).get("outputs", ())}
    return found


def _contents(folder: Path) -> list[Path]:
    return [path for path in folder.glob("??/*") if CONTENT.fullmatch(path.name)]
