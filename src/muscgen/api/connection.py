"""Clients that hang up: the work for them stops, and so does a job that was bound to their connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from muscgen import telemetry
from muscgen.errors import JobExpired, JobNotFound, QueueUnavailable
from muscgen.jobs.queue import Queue

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to. Stops it and raises ClientDisconnect when the client hangs up before."""
    working = asyncio.ensure_future(work)
    gone = asyncio.create_task(_gone(request.receive))
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


class Bound(Response):
    """A streamed answer that holds its job: when the client breaks it off, the job is abandoned.

    A server that goes down breaks it off too, but that is not the client's wish.
    """

    def __init__(self, answer: Response, queue: Queue, job_id: str) -> None:
        super().__init__(status_code=answer.status_code)
        self.raw_headers = answer.raw_headers
        self._answer, self._queue, self._job_id = answer, queue, job_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = ended = False

        async def listening() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or (message["type"] == "http.disconnect" and not ended)
            return message

        async def sending(message: Message) -> None:
            nonlocal gone, ended
            ended = ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
            try:
                await send(message)
            except OSError:
                gone = True
                raise

        try:
            await self._answer(scope, listening, sending)
        finally:
            if gone:
                await abandon(self._queue, self._job_id)


def held(answer: Response, queue: Queue, job_id: str | None) -> Response:
    """The answer, holding the job; as it is where there is none to hold."""
    return answer if job_id is None else Bound(answer, queue, job_id)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
