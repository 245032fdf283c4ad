"""GET /jobs/{id}/audio: the song while it is made, and the file once it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from muscgen.api.connection import while_connected
from muscgen.api.documents import job_url
from muscgen.api.formats import CONTENT_TYPES, choose
from muscgen.api.house import House
from muscgen.api.problems import Problem, describe_stored, request_id
from muscgen.api.ranges import PLAYER_POLICY
from muscgen.api.streamed import Streamed
from muscgen.errors import Cancelled, InvalidRequest, JobNotFinished
from muscgen.jobs.job import Job
from muscgen.jobs.queue import Queue
from muscgen.jobs.sound import Sound
from muscgen.jobs.states import State
from muscgen.request import Format, SongRequest

if TYPE_CHECKING:
    from muscgen.finishing.live import LiveEncoder

PATIENCE_S = 600.0  # how long a listener waits for the first sound


@dataclass(frozen=True, slots=True)
class Listening:
    """What of a job is to be heard. encoding: None goes by the Accept header.

    rate_hz, bitrate_kbps: of live sound; None is the model's own and the usual.
    """

    output: int = 0
    encoding: Format | None = None
    from_s: float = 0.0
    rate_hz: int | None = None
    bitrate_kbps: int | None = None


async def play(job_id: str, house: House, request: Request, wish: Listening) -> Response | str:
    """The answer, or the id of the artifact that is to be handed out as it is.

    Waits for the first sound. Raises InvalidRequest, NotAcceptable, JobNotFinished after 10 minutes,
    ClientDisconnect.
    """
    job = await house.queue.get(job_id)
    _check(job.request, wish)
    own = job.request.output.format
    encoding = wish.encoding or choose(",".join(request.headers.getlist("accept")), own)
    headers = _headers(job_id, request)
    if not job.terminal:
        if request.method == "HEAD":
            return Response(headers=headers, media_type=CONTENT_TYPES[encoding])
        job = await house.queue.listen(job_id, wish.output)
        first = await while_connected(request, _first(house.queue, job, wish.output))
        if first is not None:
            sound = _live(house.queue, job, wish, first, encoding)
            return Streamed(sound, headers=headers, media_type=CONTENT_TYPES[encoding])
        job = await house.queue.get(job_id)
    if job.state is not State.SUCCEEDED:
        return _no_song(job, request)
    artifact_id: str = (job.result or {})["outputs"][wish.output]["artifact"]["id"]
    if encoding == own and wish.from_s == 0:
        return artifact_id
    if request.method == "HEAD":
        return Response(headers=headers, media_type=CONTENT_TYPES[encoding])
    from muscgen.finishing.transcode import transcoded

    file = await asyncio.to_thread(house.store.open, artifact_id, verify=True)
    again = transcoded(file, encoding, wish.from_s)
    return StreamingResponse(again, headers=headers, media_type=CONTENT_TYPES[encoding])


def _check(request: SongRequest, wish: Listening) -> None:
    if wish.output >= request.n:
        raise InvalidRequest(
            f"the job has {request.n} outputs", param="output", suggestion=f"0 to {request.n - 1}"
        )
    if wish.from_s >= request.duration_s:
        raise InvalidRequest(
            f"from is {wish.from_s:g} s; the song ends at {request.duration_s:g} s", param="from"
        )


def _headers(job_id: str, request: Request) -> dict[str, str]:
    return {
        "Accept-Ranges": "none",
        "Cache-Control": "no-store",
        "Location": job_url(job_id, request.scope.get("root_path", "")),
        "Vary": "Accept, Authorization",
        "X-Accel-Buffering": "no",
        "Content-Security-Policy": PLAYER_POLICY,
    }


async def _first(queue: Queue, job: Job, output: int) -> Sound | None:
    """The first piece; None when the job ends without one."""
    try:
        async with asyncio.timeout(PATIENCE_S), aclosing(queue.sound(job.id, output)) as pieces:
            return await anext(pieces, None)
    except TimeoutError:
        raise JobNotFinished(
            f"job {job.id} has made no sound yet", suggestion="ask again; the job goes on"
        ) from None


async def _live(
    queue: Queue, job: Job, wish: Listening, first: Sound, encoding: Format
) -> AsyncGenerator[bytes, None]:
    """Raises ConnectionAbortedError when the song ends before its time, so that nobody takes it for whole."""
    from muscgen.finishing.live import live_encoder  # libsndfile is loaded by the first listener

    skip = round(wish.from_s * first.sample_rate)
    samples = _samples(job.request, first.sample_rate)
    encoder = live_encoder(
        encoding,
        first.sample_rate,
        first.channels,
        None if samples is None else samples - skip,
        rate_hz=wish.rate_hz,
        bitrate_kbps=wish.bitrate_kbps,
    )
    try:
        async with aclosing(queue.sound(job.id, wish.output, after=skip)) as pieces:
            async for piece in pieces:
                if piece.take != first.take:  # that song was thrown away
                    break
                if sound := await asyncio.to_thread(_pushed, encoder, piece, skip):
                    yield sound
                if piece.last:
                    yield await asyncio.to_thread(encoder.close)
                    return
    finally:
        encoder.close()
    raise ConnectionAbortedError("the song ended before its time")


def _pushed(encoder: LiveEncoder, piece: Sound, skip: int) -> bytes:
    return encoder.push(piece.pcm[max(0, skip - piece.start) * 2 * piece.channels :])


def _samples(request: SongRequest, sample_rate: int) -> int | None:
    """How long the live sound will be; None where a clip of unknown length is left out."""
    clip = request.conditioning.prompt_audio
    if clip is not None and not clip.include:
        return None
    return max(1, round(request.duration_s * sample_rate))


def _no_song(job: Job, request: Request) -> Problem:
    error = job.error or Cancelled(f"job {job.id} was cancelled").to_dict()
    members = describe_stored(error) | {"request_id": request_id(request.scope)}
    return Problem(members, request.scope)
