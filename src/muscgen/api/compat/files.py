"""POST /v1/files: sound that a prediction's input names, as Replicate's client brings it."""

from __future__ import annotations

import time

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from muscgen.api.compat.predictions import told_time
from muscgen.api.documents import artifact_url
from muscgen.api.house import Maker, Parts, query
from muscgen.api.multipart import parts_of
from muscgen.api.uploads import keep, part

router = APIRouter(tags=["compatible"], include_in_schema=False)

_LITTLE_BYTES = 10_000  # of what is told of the file


@router.post("/v1/files", status_code=201, dependencies=[Depends(query())])
async def create(request: Request, house: Parts, asker: Maker) -> JSONResponse:
    """A sound file, kept as an upload of POST /artifacts is; its name and its metadata are not."""
    limits = {"content": house.settings.max_upload_bytes, "metadata": _LITTLE_BYTES}
    limits |= {"type": _LITTLE_BYTES, "filename": _LITTLE_BYTES}
    async with parts_of(request, limits, house.spool()) as parts:
        kept = await keep(part(parts, "content"), house, asker, "content")
    artifact = kept.artifact
    url = artifact_url(artifact.id, str(request.base_url).rstrip("/"))
    told = {
        "id": artifact.id,
        "name": f"{artifact.id[:12]}.{artifact.extension}",
        "content_type": artifact.content_type,
        "size": artifact.bytes,
        "checksums": {"sha256": artifact.sha256},
        "metadata": {},
        "etag": artifact.sha256,
        "created_at": told_time(time.time()),
        "expires_at": told_time(artifact.expires_at),
        "urls": {"get": url},
    }
    return JSONResponse(told, 201, {"Location": url, "Cache-Control": "no-store"})
