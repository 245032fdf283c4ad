"""POST /generate: a wish becomes a job."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from muscgen import telemetry
from muscgen.api.connection import bound, held, while_connected
from muscgen.api.documents import accepted
from muscgen.api.house import Maker, Parts, query
from muscgen.api.openapi import GENERATE_REQUEST
from muscgen.api.preferences import preferences
from muscgen.api.routes.audio import listen
from muscgen.api.schemas import JobDocument, ProblemDocument
from muscgen.api.sse import follow
from muscgen.api.uploads import asked

router = APIRouter(tags=["songs"])

_FILE = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["request"],
    "properties": {
        "request": {"type": "string", "description": "The request in JSON."},
        "melody": _FILE | {"description": "Sound for conditioning.melody."},
        "prompt_audio": _FILE | {"description": "Sound for conditioning.prompt_audio."},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": GENERATE_REQUEST}},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}
Key = Annotated[str | None, Header(description="Once used, it finds the same job again.")]
# For the schema alone: the header may come in several lines.
Prefer = Annotated[str | None, Header(description="respond-async (the default) or wait=N, N <= 60 seconds.")]


@router.post(
    "/generate",
    status_code=202,
    response_model=JobDocument,
    responses={
        200: {
            "model": JobDocument,
            "description": "The job ended within the wait; or its events, or its sound, as Accept says.",
            "content": {"text/event-stream": {}, "audio/*": {}},
        },
        422: {"model": ProblemDocument, "description": "A field cannot be honoured."},
        429: {"model": ProblemDocument, "description": "The queue is full; see Retry-After."},
        503: {"model": ProblemDocument, "description": "No queue, or no worker."},
    },
    openapi_extra=_BODY,
    dependencies=[Depends(query())],
)
async def generate(
    request: Request,
    house: Parts,
    asker: Maker,
    idempotency_key: Key = None,
    prefer: Prefer = None,  # noqa: ARG001
) -> Response:
    """Make songs from words and sound. Waits, streams or answers at once, as Prefer and Accept say."""
    wanted = preferences(request)
    async with asked(request, house, asker) as body:
        admitted = await house.gate.admit(body, asker, idempotency_key=idempotency_key, stays=wanted.stays)
    job = admitted.job
    mine = job.id if admitted.created else None  # to be cancelled, if it is so wished
    if wanted.stream:
        return held(follow(job.id, house, request), house.queue, mine)
    async with bound(house.queue, mine):
        if wanted.audio:
            answer = await listen(job.id, house, request, asker)
            return held(answer, house.queue, mine)
        if wanted.wait_s and not job.terminal:
            job = await while_connected(request, house.queue.wait(job.id, wanted.wait_s))
    if admitted.created:
        telemetry.JOBS_SERVED.labels(job.model, job.cache).inc()
    headers = wanted.applied | ({} if admitted.created else {"Idempotent-Replayed": "true"})
    return await accepted(job, house, request, headers)
