"""Clients that hang up: the work for them stops, and so does a job that was bound to their connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any, TypeVar

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from muscgen import telemetry
from muscgen.api.streamed import Streamed, hung_up
from muscgen.errors import JobExpired, JobNotFound, QueueUnavailable
from muscgen.jobs.queue import Queue

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to. Stops it and raises ClientDisconnect when the client hangs up before."""
    working = asyncio.ensure_future(work)
    gone = asyncio.create_task(hung_up(request.receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


@contextlib.asynccontextmanager
async def bound(queue: Queue, job_id: str | None) -> AsyncIterator[None]:
    """What waits inside holds the job: when a disconnect ends it, the job is cancelled if it asked for that.

    job_id: None holds nothing.
    """
    try:
        yield
    except ClientDisconnect:
        if job_id is not None:
            await abandon(queue, job_id)
        raise


async def abandon(queue: Queue, job_id: str) -> None:
    """Cancel the job of a connection that broke, if its `cancel_on_disconnect` says so."""
    with contextlib.suppress(JobNotFound, JobExpired, QueueUnavailable):
        job = await queue.get(job_id)
        if job.request.delivery.cancel_on_disconnect and not job.terminal:
            telemetry.event("job.abandoned", job=job_id)
            await queue.cancel(job_id)


def held(answer: Response, queue: Queue, job_id: str | None) -> Response:
    """The answer, holding the job while it is sent: when the client breaks it off, the job is abandoned.

    One that is not `Streamed` is of a job that has ended. job_id: None holds nothing.
    """
    if isinstance(answer, Streamed) and job_id is not None:
        answer.on_gone = partial(abandon, queue, job_id)
    return answer
