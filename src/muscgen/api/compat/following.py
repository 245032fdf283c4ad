"""A prediction's stream: server-sent events with the names that Replicate's client knows."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Request
from starlette.types import Scope

from muscgen.api.compat.predictions import file_url, prediction, progress_line
from muscgen.api.house import House
from muscgen.api.preferences import EVENT_STREAM
from muscgen.api.problems import presentable
from muscgen.api.sse import HEARTBEAT_S, STREAM_HEADERS
from muscgen.api.streamed import Streamed
from muscgen.errors import MuscgenError
from muscgen.jobs.job import Event, Job

# Their client drops events without an id, and those of other kinds are an error to it.
_BEAT = b": heartbeat\n\n"


def follow_prediction(job: Job, house: House, request: Request, site: str, after: str | None) -> Streamed:
    """`output` for each song, `logs` for how far it is, `error`, and `done` at the end."""
    lines = _lines(job, house, request.scope, site, after)
    return Streamed(lines, media_type=EVENT_STREAM, headers=STREAM_HEADERS)


async def _lines(
    job: Job, house: House, scope: Scope, site: str, after: str | None
) -> AsyncGenerator[bytes, None]:
    yield b": muscgen\n\n"
    told: set[int] = set()
    try:
        async with aclosing(house.queue.beating_events(job.id, after, HEARTBEAT_S)) as events:
            async for event in events:
                if event is None:
                    yield _BEAT
                elif event.kind == "completed":
                    for line in await _ending(event, job.id, house, site, told):
                        yield line
                elif line := _line(event, job, house, site, told):
                    yield line
    except MuscgenError as error:  # the status line is long gone
        yield _frame("error", presentable(error, scope).detail, "0-0")


def _line(event: Event, job: Job, house: House, site: str, told: set[int]) -> bytes:
    payload = event.payload
    if event.kind == "output":
        told.add(payload["index"])
        return _frame("output", file_url(payload["artifact"]["id"], job, house, site), event.id)
    if event.kind == "progress" and payload.get("steps_total"):
        return _frame("logs", progress_line(payload.get("steps_done", 0), payload["steps_total"]), event.id)
    return b""


async def _ending(event: Event, job_id: str, house: House, site: str, told: set[int]) -> list[bytes]:
    """The songs that no event told of, as those that an earlier job made, and how it ended."""
    job = await house.queue.get(job_id)
    made = (job.result or {}).get("outputs", [])
    lines = [
        _frame("output", file_url(output["artifact"]["id"], job, house, site), event.id)
        for output in made
        if output["index"] not in told
    ]
    ended = prediction(job, house, site)
    if ended["status"] == "failed":
        lines.append(_frame("error", ended["error"] or "failed", event.id))
    reason = {"failed": {"reason": "error"}, "canceled": {"reason": "canceled"}}.get(ended["status"], {})
    return [*lines, _frame("done", json.dumps(reason), event.id)]


def _frame(kind: str, text: str, number: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"id: {number}\nevent: {kind}\n{data}\n".encode()
