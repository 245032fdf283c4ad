"""POST /verify: a file into a spool, looked at, compared with what this service kept, and judged."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, BinaryIO

from fastapi import Depends, Request

from muscgen.admission import Principal
from muscgen.api.house import House, Parts
from muscgen.api.multipart import MULTIPART, parts_of
from muscgen.api.uploads import kind_of, part, receive, refuse_other_than_sound
from muscgen.artifacts.companions import CREDENTIALS, RECEIPT
from muscgen.errors import ArtifactNotFound, QueueUnavailable
from muscgen.intake import Limits, credentials_of
from muscgen.jobs.traces import Traces, mark_trace, sound_trace
from muscgen.jobs.visits import Visits
from muscgen.provenance.receipt import MAX_BYTES as MAX_RECEIPT_BYTES
from muscgen.verification import Look, Report, known_of, look, report

MAX_SIDECAR_BYTES = 4_000_000
NOBODY = Principal("")


@dataclass(frozen=True, slots=True)
class Brought:
    """What is to be checked, and what came with it."""

    file: BinaryIO
    receipt: bytes | None = None
    sidecar: bytes | None = None


async def verifier(request: Request, house: Parts) -> Principal:
    """Whoever may have files checked: with the scope `verify`, or anybody where the settings say so.

    Raises Unauthorized, Forbidden, RateLimited, QueueUnavailable.
    """
    settings, header = house.settings, request.headers.get("authorization")
    if settings.verify_public and header is None:
        address = request.client.host if request.client else "nobody"
        await Visits(house.queue.redis, house.queue.prefix).count(address, settings.verify_per_minute)
        return NOBODY
    asker = await house.keyring.authenticate(header)
    asker.need("verify")
    return asker


Verifier = Annotated[Principal, Depends(verifier)]


@asynccontextmanager
async def brought(request: Request, house: House) -> AsyncIterator[Brought]:
    """The body: a file, or parts `file`, `receipt` and `credentials`. Closed at the end.

    Raises UnsupportedMediaType, MalformedBody, InvalidRequest, BodyTooLarge, BodyTooSlow, StoreUnavailable.
    """
    most = house.settings.max_upload_bytes
    if kind_of(request) == MULTIPART:
        limits = {"file": most, "receipt": MAX_RECEIPT_BYTES, "credentials": MAX_SIDECAR_BYTES}
        async with parts_of(request, limits, house.spool()) as parts:
            more = {name: parts[name].read() for name in ("receipt", "credentials") if name in parts}
            yield Brought(part(parts, "file"), more.get("receipt"), more.get("credentials"))
        return
    refuse_other_than_sound(request)
    with tempfile.TemporaryFile(dir=house.spool()) as file:
        await receive(request, file, most)
        yield Brought(file)


async def verify(house: House, given: Brought) -> Report:
    """Raises UnreadableAudio for what is no sound and says nothing of itself, StoreUnavailable."""
    known = await asyncio.to_thread(known_of, house.settings)
    limits = Limits(max_s=house.settings.max_upload_s)
    await asyncio.to_thread(given.file.flush)
    async with house.decoding:
        seen = await asyncio.to_thread(look, given.file, known, limits)
        sidecar = given.sidecar or await _attached(house, seen.sha256, CREDENTIALS)
        credentials = await asyncio.to_thread(
            credentials_of, given.file, [known.own, known.others], sidecar=sidecar, limits=limits
        )
    receipt = given.receipt or await _receipt(house, seen)
    return report(
        seen, known, credentials, receipt, beside=sidecar is not None, given=given.receipt is not None
    )


async def _receipt(house: House, seen: Look) -> bytes | None:
    """That of this very file, else of its sound, else of the song whose mark is heard."""
    ids = [seen.sha256]
    with contextlib.suppress(QueueUnavailable):  # then only the file itself is looked up
        ids += await Traces(house.queue.redis, house.queue.prefix).find(_traces(seen))
    for artifact_id in ids:
        if (content := await _attached(house, artifact_id, RECEIPT)) is not None:
            return content
    return None


def _traces(seen: Look) -> list[str]:
    sounds = [] if seen.sound_sha256 is None else [sound_trace(seen.sound_sha256)]
    return [*sounds, *map(mark_trace, seen.payloads)]


async def _attached(house: House, artifact_id: str, name: str) -> bytes | None:
    try:
        return await asyncio.to_thread(house.store.attachment, artifact_id, name)
    except ArtifactNotFound:
        return None
