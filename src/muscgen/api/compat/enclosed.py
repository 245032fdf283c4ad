"""A song and what is told of it in one answer: multipart/mixed, as ElevenLabs' client takes it apart."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, BinaryIO

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from muscgen.api.audio import Listening, play
from muscgen.api.formats import CONTENT_TYPES
from muscgen.api.house import House
from muscgen.jobs.job import Job

CHUNK_BYTES = 65_536
Tell = Callable[[Job], Mapping[str, Any]]


async def enclosed(job: Job, house: House, request: Request, wish: Listening, tell: Tell) -> Response:
    """The file of a job that has ended, after a part of JSON; or why there is no song."""
    song = await play(job.id, house, request, wish)
    if isinstance(song, Response):
        return song
    file = await asyncio.to_thread(house.store.open, song, verify=True)
    boundary, kind = secrets.token_hex(16), wish.encoding or job.request.output.format
    head = "\r\n".join(
        [
            f"--{boundary}",
            "Content-Type: application/json",
            "",
            json.dumps(tell(job)),
            f"--{boundary}",
            f"Content-Type: {CONTENT_TYPES[kind]}",
            f'Content-Disposition: attachment; filename="{job.id}.{kind}"',
            "",
            "",
        ]
    )
    return StreamingResponse(_parts(head, file), media_type=f"multipart/mixed; boundary={boundary}")


async def _parts(head: str, file: BinaryIO) -> AsyncIterator[bytes]:
    # No delimiter at the end: their client takes all that follows for the song.
    with file:
        yield head.encode()
        while piece := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield piece
