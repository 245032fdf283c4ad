"""What tests of queues share: a request, time that passes, and the audit of all that a queue keeps."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from muscgen.jobs import LeaseKeeper, Queue
from muscgen.request import ConsentRecord, Scope, SongRequest

MODEL = "muscgen-tiny"
OPEN = ("queued", "running")
# Bookkeeping of constant size, what sweep() prunes, and what only an operator takes away.
KEPT = re.compile(
    r":(models|apikeys|apikey:\w+|consents:[^:]*|behind:\w+|(\{\w+\}:(seq|clock|tick|jobs|expiring|dead|paused|cache\w*|consent|made)))$"
)
IN_LINE = re.compile(r":(q|delayed|leases|deadlines|(open|busy):[^:]*)$")
OF_A_JOB = re.compile(r":(job|ev|codes|snd:\d+|hook|hook:out|hook:job|fans):(job_\w+)$")


def song(model: str = MODEL, **changes: Any) -> SongRequest:
    parts = ("priority", "deadline", "ttl", "webhook")
    delivery = {name: changes.pop(name) for name in parts if name in changes}
    body = {
        "model": model,
        "prompt": "warm lo-fi",
        "duration": 4.0,
        "seed": 7,
        "sampling": {"temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0},
        "delivery": delivery,
    }
    return SongRequest.model_validate(body | changes)


CONSENT = ConsentRecord(
    id=f"consent_{'ab' * 16}",
    tenant="acme",
    inline=False,
    basis="licensed",
    reference="contract 7",
    scope=Scope(),
    statement=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
LEASE_S = 30.0  # of tests that are not about its length: however slow the machine, none runs out by itself


async def lapse(queue: Queue, model: str = MODEL) -> None:
    """All leases of a model have run out long ago, and somebody looks."""
    leases = queue._keys(model).leases
    for job_id in await queue.redis.zrange(leases, 0, -1):
        await queue.redis.zadd(leases, {job_id: 1})
    await queue.sweep()


def started(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class Heard:
    def __init__(self):
        self.lost, self.cancelled = [], []

    def keeper(self, queue, server):
        return LeaseKeeper(
            server.url,
            lease_s=queue.lease_s,
            on_lost=self.lost.append,
            on_cancel=self.cancelled.append,
            prefix=queue.prefix,
        )


async def until(condition, limit_s=60.0):
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < limit_s, "it did not happen in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - started


async def swept_until(queue, condition, limit_s=60.0):
    """What time brings about happens when somebody looks."""
    async with asyncio.timeout(limit_s):
        while not await condition():
            await queue.sweep()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def audited(client: Any, prefix: str) -> AsyncIterator[None]:
    """What happens inside must leave a queue that is in order."""
    yield
    await audit(client, prefix)


async def audit(client: Any, prefix: str) -> None:
    """Fails where the queue is out of order, or is once all its jobs have ended; nothing is left of it."""
    found = await faults(client, prefix)
    await end_all(client, prefix)
    left = await faults(client, prefix)
    await purge(client, prefix)
    assert not found, f"out of order: {found}"
    assert not left, f"out of order once all has ended: {left}"


async def purge(client: Any, prefix: str) -> None:
    for name in await _names(client, prefix):
        await client.delete(name)


async def end_all(client: Any, prefix: str) -> None:
    """Cancel every job, as its client would, and let the leases of those that run lapse."""
    queue = Queue(client, prefix=prefix, lease_s=60.0)
    jobs = [name for name in await _names(client, prefix) if ":job:job_" in name]
    for name in jobs:
        job_id, leases = name.rsplit(":", 1)[1], f"{name.rsplit(':', 2)[0]}:leases"
        await queue._run("cancel", queue._keys_of(job_id), job_id)
        await client.zadd(leases, {job_id: 1}, xx=True)
    await queue.sweep()


async def faults(client: Any, prefix: str) -> list[str]:
    """Keys without expiry that no open job needs, and places held by nobody, or by the wrong ones."""
    names = await _names(client, prefix)
    read = {
        name: await client.hgetall(name) for name in names if ":job:job_" in name and ":hook:" not in name
    }
    jobs = {name: fields for name, fields in read.items() if b"state" in fields}
    found = [  # without any field: it was deleted since its name was read
        f"{name} is a job without a state" for name, fields in read.items() if fields and name not in jobs
    ]
    found += [
        f"{name} has no expiry"
        for name in names
        if not KEPT.search(name) and await client.ttl(name) == -1 and not await _needed(client, name, jobs)
    ]
    for base in {name.partition("}")[0] + "}:" for name in names if "}:" in name}:
        mine = {
            name.removeprefix(base + "job:"): fields for name, fields in jobs.items() if name.startswith(base)
        }
        found += [f"{base} {fault}" for fault in await _misplaced(client, base, mine)]
    return found


async def _needed(client: Any, name: str, jobs: dict[str, dict[bytes, bytes]]) -> bool:
    """By a job that is open."""
    base = name.partition("}")[0] + "}:"
    if IN_LINE.search(name):
        return True  # _misplaced looks into them
    owner = (m[2] if (m := OF_A_JOB.search(name)) else None) or ""
    if ":idem:" in name:
        owner = (await client.hget(name, "job") or b"").decode()
    if ":work:" in name:
        owner = (await client.get(name) or b"").decode()
    return jobs.get(f"{base}job:{owner}", {}).get(b"state", b"").decode() in OPEN


async def _misplaced(client: Any, base: str, jobs: dict[str, dict[bytes, bytes]]) -> list[str]:
    """Where the sets of a model and the states of its jobs do not agree."""
    state = {job_id: fields[b"state"].decode() for job_id, fields in jobs.items()}
    fans = {}
    for job_id in jobs:
        for fan in await client.smembers(f"{base}fans:{job_id}"):
            fans[fan.decode()] = job_id
    own = {job_id for job_id in jobs if job_id not in fans}
    wanted: dict[str, set[str]] = defaultdict(set)
    wanted["leases"] = {job_id for job_id in own if state[job_id] == "running"}
    wanted["q or delayed"] = {job_id for job_id in own if state[job_id] == "queued"}
    wanted["deadlines"] = {job_id for job_id in jobs if b"deadline" in jobs[job_id] and state[job_id] in OPEN}
    for job_id, fields in jobs.items():
        if (tenant := fields.get(b"tenant", b"").decode()) and state[job_id] in OPEN:
            wanted[f"open:{tenant}"].add(job_id)
            if state[job_id] == "running" and job_id in own:
                wanted[f"busy:{tenant}"].add(job_id)
    there = {
        "leases": await _members(client, f"{base}leases"),
        "q or delayed": await _members(client, f"{base}q") | await _members(client, f"{base}delayed"),
        "deadlines": await _members(client, f"{base}deadlines"),
    }
    for name in await _names(client, base):
        if re.search(r":(open|busy):[^:]*$", name):
            there[name.removeprefix(base)] = {one.decode() for one in await client.smembers(name)}
    found = [
        f"{place} holds {sorted(there.get(place, set()))}, not {sorted(wanted[place])}"
        for place in sorted(wanted.keys() | there.keys())
        if there.get(place, set()) != wanted[place]
    ]
    found += [
        f"{fan} waits for {leader}, which is over"
        for fan, leader in fans.items()
        if state[leader] not in OPEN
    ]
    found += [f"{fan} waits and is over" for fan in fans if state.get(fan, "gone") not in OPEN]
    index = await _members(client, f"{base}jobs")
    found += [f"{job_id} is in no list" for job_id in jobs if job_id not in index]
    return found


async def _members(client: Any, name: str) -> set[str]:
    return {member.decode() for member in await client.zrange(name, 0, -1)}


async def _names(client: Any, prefix: str) -> list[str]:
    escaped = prefix.replace("[", "\\[")
    start = prefix if prefix.endswith(":") else f"{escaped}:"
    return sorted([name.decode() async for name in client.scan_iter(f"{start}*", count=1000)])
