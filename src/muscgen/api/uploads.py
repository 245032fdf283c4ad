"""Sound that clients bring: to a file, through the limited decoder, into the store."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from fastapi import Request

from muscgen.admission import ROLES, Principal, with_clips
from muscgen.api.house import House
from muscgen.api.multipart import MULTIPART, parts_of, too_large
from muscgen.api.preferences import require_json
from muscgen.artifacts import Artifact, is_upload_of, upload_owner
from muscgen.artifacts.files import outages
from muscgen.errors import InvalidRequest, UnreadableAudio, UnsupportedMediaType, UploadRefused
from muscgen.intake import Limits, probe


@dataclass(frozen=True, slots=True)
class Kept:
    """An upload in the store. new: whether its uploader had not brought it before.

    credentials: what its own say.
    """

    artifact: Artifact
    owner: str
    new: bool
    credentials: dict[str, Any] | None = None


async def upload(request: Request, house: House, asker: Principal) -> Kept:
    """The body, kept as an artifact of the asker's.

    Raises UnsupportedMediaType, MalformedBody, BodyTooLarge, BodyTooSlow, UnreadableAudio, UploadRefused,
    StoreUnavailable.
    """
    if kind_of(request) == MULTIPART:
        limits = {"file": house.settings.max_upload_bytes}
        async with parts_of(request, limits, house.spool()) as parts:
            return await keep(part(parts, "file"), house, asker)
    refuse_other_than_sound(request)
    with tempfile.TemporaryFile(dir=house.spool()) as file:
        await receive(request, file, house.settings.max_upload_bytes)
        return await keep(file, house, asker)


async def keep(file: BinaryIO, house: House, asker: Principal, name: str = "file") -> Kept:
    """The file, if it is sound, until its time is over. Brought again, it stays from now on as long."""
    settings = house.settings
    with outages():
        await asyncio.to_thread(file.flush)
    async with house.decoding:
        try:
            limits = Limits(max_s=settings.max_upload_s)
            found = await asyncio.to_thread(probe, file, limits)
            credentials = await asyncio.to_thread(house.uploads.check, file, limits)
        except (UnreadableAudio, UploadRefused) as error:
            raise type(error)(error.detail, param=name, suggestion=error.suggestion) from None
    expires_at = time.time() + settings.upload_ttl_s
    owner = upload_owner(asker.id, expires_at)
    artifact = await asyncio.to_thread(
        house.store.put,
        file,
        owner=owner,
        content_type=found.content_type,
        extension=found.extension,
        duration_s=found.duration_s,
        sample_rate=found.sample_rate,
        channels=found.channels,
        expires_at=expires_at,
    )
    earlier = await asyncio.to_thread(release, artifact.id, house, asker, but=owner)
    return Kept(replace(artifact, expires_at=expires_at), owner, new=not earlier, credentials=credentials)


def release(artifact_id: str, house: House, asker: Principal, but: str = "") -> int:
    """Give up the asker's uploads of an artifact, all but one; how many. Raises ArtifactNotFound."""
    owners = house.store.owners(artifact_id)
    mine = [owner for owner in owners if is_upload_of(owner, asker.id) and owner != but]
    for owner in mine:
        house.store.release(artifact_id, owner)
    return len(mine)


@asynccontextmanager
async def asked(request: Request, house: House, asker: Principal) -> AsyncIterator[bytes]:
    """The wish in a body of JSON, or of parts: `request`, and files that it speaks of, which are kept first.

    What is raised inside gives them up again, but for those that were there before.
    """
    if kind_of(request) != MULTIPART:
        require_json(request)
        yield await request.body()
        return
    limits = {"request": house.settings.max_body_bytes}
    limits |= dict.fromkeys(ROLES.values(), house.settings.max_upload_bytes)
    kept: list[Kept] = []
    try:
        async with parts_of(request, limits, house.spool()) as parts:
            wish = part(parts, "request").read()
            for role in filter(parts.__contains__, ROLES.values()):
                kept.append(await keep(parts[role], house, asker, f"conditioning.{role}"))
                wish = with_clips(wish, {role: kept[-1].artifact.id})
        yield wish
    except BaseException:
        for each in (each for each in kept if each.new):
            await asyncio.to_thread(house.store.release, each.artifact.id, each.owner)
        raise


def refuse_other_than_sound(request: Request) -> None:
    """Raises UnsupportedMediaType for a body that is neither sound nor parts."""
    kind = kind_of(request)
    if not kind.startswith("audio/") and kind != "application/octet-stream":
        raise UnsupportedMediaType(
            "the body must be a sound file",
            param="Content-Type",
            suggestion=f"audio/*, application/octet-stream, or {MULTIPART} with a part named file",
        )


async def receive(request: Request, file: BinaryIO, most: int) -> None:
    """The body into a file. Raises BodyTooLarge, StoreUnavailable."""
    came = 0
    async for chunk in request.stream():
        came += len(chunk)
        if came > most:
            raise too_large("file", most)
        with outages():
            await asyncio.to_thread(file.write, chunk)


def part(parts: dict[str, BinaryIO], name: str) -> BinaryIO:
    """Raises InvalidRequest."""
    if name not in parts:
        raise InvalidRequest(f"the part {name} is missing", param=name)
    return parts[name]


def kind_of(request: Request) -> str:
    """The media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
