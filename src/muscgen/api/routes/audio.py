"""/jobs/{id}/audio: the song, from its first second on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from muscgen.admission import Principal
from muscgen.api.audio import Listening, play
from muscgen.api.files import hand_out, seen_by
from muscgen.api.formats import named
from muscgen.api.house import House, Parts, Reader, query
from muscgen.api.schemas import ProblemDocument

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.head("/{job_id}/audio", include_in_schema=False)
@router.get(
    "/{job_id}/audio",
    response_class=Response,
    responses={
        200: {"content": {"audio/*": {}}, "description": "The song while it is made, or the file."},
        206: {"description": "A range of the file."},
        406: {"model": ProblemDocument, "description": "No format that the client takes."},
        409: {"model": ProblemDocument, "description": "Cancelled, or no sound within ten minutes."},
        416: {"model": ProblemDocument, "description": "Beyond the file's end."},
    },
    dependencies=[Depends(query("output", "format", "from"))],
)
async def job_audio(
    job_id: str,
    request: Request,
    house: Parts,
    asker: Reader,
    output: Annotated[int, Query(ge=0, le=1_000)] = 0,
    encoding: Annotated[
        str | None, Query(alias="format", max_length=20, description="wav, flac, mp3, ogg or opus.")
    ] = None,
    from_s: Annotated[
        float, Query(alias="from", ge=0, le=86_400, allow_inf_nan=False, description="Seconds.")
    ] = 0.0,
) -> Response:
    """The song while it is made, from its beginning or from a second on; the file once it is done."""
    await house.job_of(asker, job_id)
    wish = Listening(output, named(encoding) if encoding is not None else None, from_s)
    return await listen(job_id, house, request, asker, wish)


async def listen(
    job_id: str, house: House, request: Request, asker: Principal, wish: Listening | None = None
) -> Response:
    """What is to be heard of a job, live or from its file."""
    answer = await play(job_id, house, request, wish or Listening())
    if isinstance(answer, Response):
        return answer
    return await hand_out(await seen_by(asker, answer, house), request, house)
