"""The runs: each gives rows of figures."""

from __future__ import annotations

import asyncio
import json
import os
import time
from functools import partial
from typing import Any

from load.clients import Connections, Measured, asking, at_once, at_rate, listening, wish
from load.service import Running

Row = dict[str, Any]


def row(name: str, measured: Measured, service: Running, **more: object) -> Row:
    good = sum(count for status, count in measured.statuses.items() if status.startswith("2"))
    return {
        "run": name,
        "requests": len(measured.latencies),
        "p50_ms": round(1000 * measured.quantile(0.50), 2),
        "p99_ms": round(1000 * measured.quantile(0.99), 2),
        "max_ms": round(1000 * max(measured.latencies), 2),
        "errors": len(measured.latencies) - good,
        "statuses": dict(measured.statuses),
        "rss_mb": round(service.rss_mb(), 1),
        "load_average": round(os.getloadavg()[0], 2),
        **more,
    }


async def post(service: Running, rate: float, seconds: float) -> Row:
    before, redis = service.cpu_s(), service.redis_cpu_s()
    measured = await at_rate(service.port, rate, seconds, wish)
    return row(
        f"POST /generate at {rate:g}/s",
        measured,
        service,
        api_cores=round((service.cpu_s() - before) / seconds, 2),
        redis_cores=round((service.redis_cpu_s() - redis) / seconds, 2),
        client_cores=round(measured.client_cpu_s / seconds, 2),
    )


async def listeners(service: Running, count: int) -> Row:
    """So many event streams of one job; how long after the cancel the last of them has heard."""
    connections = Connections(service.port)
    _, body = await connections.ask(wish())
    urls = json.loads(body)["urls"]
    heard: asyncio.Queue[float] = asyncio.Queue()
    tasks = [asyncio.create_task(listening(service.port, urls["events"], heard)) for _ in range(count)]
    began = time.perf_counter()
    async with asyncio.timeout(120):
        for _ in range(count):
            assert await heard.get() < 0
        open_s, held_mb = time.perf_counter() - began, service.rss_mb()
        cancelled = time.perf_counter()
        await connections.ask(asking("POST", urls["cancel"]))
        times = [await heard.get() - cancelled for _ in range(count)]
    await asyncio.gather(*tasks)
    connections.close()
    measured = Measured(times)
    measured.statuses["200"] = count
    name = f"{count} listeners hear that a job ended"
    return row(name, measured, service, all_open_s=round(open_s, 2), held_mb=round(held_mb, 1))


async def deep(service: Running, count: int) -> list[Row]:
    """A queue of so many jobs: enqueueing, a page of the list, the place of the last."""
    filling = await at_once(service.port, count, 16, wish)
    connections = Connections(service.port)
    _, body = await connections.ask(wish())
    job = json.loads(body)
    assert job["queue"]["position"] >= count, job["queue"]
    connections.close()
    rows = [row(f"enqueue {count} jobs, 16 at a time", filling, service)]
    for name, path in (
        ("a page of 50 jobs", "/jobs?limit=50"),
        ("the last job and its place", job["urls"]["self"]),
    ):
        rows.append(
            row(
                f"{name}, of {count}",
                await at_once(service.port, 200, 1, partial(asking, "GET", path)),
                service,
            )
        )
    return rows


async def steady(service: Running, rate: float, seconds: float) -> Row:
    """Jobs that come and are deleted, so that what grows is the API's own."""
    samples: list[float] = []
    measured, connections = Measured(), Connections(service.port)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        status, body = await connections.ask(wish())
        measured.latencies.append(time.perf_counter() - began)
        measured.statuses[status] += 1
        await connections.ask(asking("DELETE", json.loads(body)["urls"]["self"]))
        if not samples or len(measured.latencies) % round(5 * rate) == 0:
            samples.append(round(service.rss_mb(), 1))
        await asyncio.sleep(max(0.0, 1 / rate - (time.perf_counter() - began)))
    connections.close()
    tail = samples[len(samples) // 3 :]
    return row(
        f"{seconds:g} s of jobs made and deleted",
        measured,
        service,
        rss_mb_all=samples,
        rss_growth_mb=round(tail[-1] - tail[0], 1),
    )
