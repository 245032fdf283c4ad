"""/jobs: what became of a wish."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from muscgen.api.connection import while_connected
from muscgen.api.documents import answer, describe
from muscgen.api.house import House, Maker, Parts, Reader, query
from muscgen.api.preferences import MAX_WAIT_S
from muscgen.api.schemas import JobDocument, JobList
from muscgen.api.sse import follow
from muscgen.errors import InvalidRequest, JobExpired, JobNotFound
from muscgen.jobs.read import MAX_PAGE
from muscgen.jobs.states import State

_EVENT_IDS_END = 2**64  # Redis counts no further

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", response_model=JobList, dependencies=[Depends(query("state", "model", "limit", "cursor"))])
async def list_jobs(
    request: Request,
    house: Parts,
    asker: Reader,
    state: State | None = None,
    model: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The tenant's jobs, newest first."""
    whose = asker.id or None
    page = await house.queue.list(state=state, model=model, tenant=whose, limit=limit, cursor=cursor)
    root = request.scope.get("root_path", "")
    found = JobList(jobs=[describe(job, house, root) for job in page.jobs], next_cursor=page.next_cursor)
    return Response(found.model_dump_json(by_alias=True), media_type="application/json")


@router.get("/{job_id}", response_model=JobDocument, dependencies=[Depends(query("wait"))])
async def get_job(
    job_id: str,
    request: Request,
    house: Parts,
    asker: Reader,
    wait: Annotated[int, Query(ge=0, le=MAX_WAIT_S)] = 0,
) -> Response:
    """The job; `wait` holds the answer back until it is final, or for that many seconds."""
    await house.job_of(asker, job_id)
    job = await while_connected(request, house.queue.wait(job_id, wait))
    return await answer(job, house, request)


@router.post("/{job_id}/cancel", response_model=JobDocument, dependencies=[Depends(query())])
async def cancel_job(job_id: str, request: Request, house: Parts, asker: Maker) -> Response:
    """Cancel, once or again: a finished job stays as it is."""
    await house.job_of(asker, job_id)
    return await answer(await house.queue.cancel(job_id), house, request)


@router.delete("/{job_id}", status_code=204, dependencies=[Depends(query())])
async def delete_job(job_id: str, house: Parts, asker: Maker) -> Response:
    """Remove the record and what nobody else owns of its artifacts; a running job is cancelled first."""
    await house.job_of(asker, job_id)
    job = await house.queue.delete(job_id)
    maker = job.leader or job.id
    if not await _shown_by_others(house, job_id, maker):
        for output in (job.result or {}).get("outputs", []):
            await asyncio.to_thread(house.store.release, output["artifact"]["id"], maker)
    return Response(status_code=204)


async def _shown_by_others(house: House, job_id: str, maker: str) -> bool:
    """Whether the job that made the files, equal ones, or the cache still point to them."""
    if await house.queue.holder(maker) is not None:
        return True
    try:
        return maker != job_id and await house.queue.get(maker) is not None
    except (JobNotFound, JobExpired):
        return False


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "No event is left after Last-Event-ID."},
    },
    dependencies=[Depends(query())],
)
async def job_events(
    job_id: str,
    request: Request,
    house: Parts,
    asker: Reader,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The job's events from the first, or after Last-Event-ID; ends with `completed`.

    204 where no event is left: browsers' EventSource would ask for ever after an empty stream.
    """
    job = await house.job_of(asker, job_id)  # a problem can only be answered before the stream begins
    if last_event_id is not None and not is_event_id(last_event_id):
        raise InvalidRequest("Last-Event-ID is not the id of an event", param="Last-Event-ID")
    if last_event_id is not None and job.terminal and not await _any_after(house, job_id, last_event_id):
        return Response(status_code=204)
    return follow(job_id, house, request, after=last_event_id)


async def _any_after(house: House, job_id: str, after: str) -> bool:
    async for _ in house.queue.events(job_id, after):
        return True
    return False


def is_event_id(text: str) -> bool:
    """Whether the text has the form of an id that our streams give."""
    parts = text.split("-")
    return len(parts) <= 2 and all(
        part.isascii() and part.isdecimal() and len(part) <= 20 and int(part) < _EVENT_IDS_END
        for part in parts
    )
