"""A job's events as server-sent events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from starlette.types import Scope

from muscgen.api.documents import audio_url, document, job_url, output_made
from muscgen.api.house import House
from muscgen.api.preferences import EVENT_STREAM
from muscgen.api.problems import describe, describe_stored, presentable
from muscgen.api.streamed import Streamed
from muscgen.errors import JobExpired, JobNotFound, MuscgenError
from muscgen.jobs.job import Event

HEARTBEAT_S = 15.0  # below the 30 to 60 s after which proxies cut a silent connection
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def follow(
    job_id: str,
    house: House,
    request: Request,
    *,
    after: str | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> Streamed:
    """The events after the id `after`, up to `completed`, whose data also carries the finished job."""
    root = request.scope.get("root_path", "")
    lines = _lines(job_id, house, request.scope, after, heartbeat_s)
    headers = STREAM_HEADERS | {"Location": job_url(job_id, root)}
    return Streamed(lines, media_type=EVENT_STREAM, headers=headers)


async def _lines(
    job_id: str, house: House, scope: Scope, after: str | None, heartbeat_s: float
) -> AsyncGenerator[bytes, None]:
    root = scope.get("root_path", "")
    yield b": muscgen\n\n"  # sends the headers now, not with the first event
    try:
        async with aclosing(house.queue.beating_events(job_id, after, heartbeat_s)) as events:
            async for event in events:
                yield b": heartbeat\n\n" if event is None else await _line(event, job_id, house, root)
    except MuscgenError as error:  # the status line is long gone
        yield _frame("error", describe(presentable(error, scope)))


async def _line(event: Event, job_id: str, house: House, root: str) -> bytes:
    """Written once for all who follow the job: it says the same to each of them."""
    return await house.frames.of((job_id, event.id, root), lambda: _written(event, job_id, house, root))


async def _written(event: Event, job_id: str, house: House, root: str) -> bytes:
    payload = event.payload
    if event.kind == "output":
        payload = output_made(payload, job_id, root).model_dump(mode="json")
    elif event.kind == "audio":
        payload = payload | {"url": audio_url(job_id, payload["output"], root)}
    elif event.kind == "completed":
        payload = await _completed(payload, job_id, house, root)
    return _frame(event.kind, payload, event.id)


async def _completed(payload: dict[str, Any], job_id: str, house: House, root: str) -> dict[str, Any]:
    error = payload.get("error")
    told = {"status": payload["state"], "error": describe_stored(error) if error else None, "job": None}
    with contextlib.suppress(JobNotFound, JobExpired):  # deleted meanwhile
        job = await document(await house.queue.get(job_id), house, root)
        told["job"] = job.model_dump(mode="json", by_alias=True)
    return told


def _frame(kind: str, payload: dict[str, Any], number: str | None = None) -> bytes:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()
