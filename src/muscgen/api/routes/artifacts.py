"""/artifacts: the files, finished ones and those that were brought."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from muscgen.admission import find
from muscgen.api.house import Maker, Parts, Reader, query
from muscgen.api.ranges import PLAYER_POLICY, FileAnswer, etag, matches, wanted
from muscgen.api.schemas import ProblemDocument, UploadLink
from muscgen.api.uploads import release, upload
from muscgen.artifacts import Artifact
from muscgen.errors import NotAnUpload

router = APIRouter(prefix="/artifacts", tags=["artifacts"])

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "audio/*": {"schema": _FILE},
            "application/octet-stream": {"schema": _FILE},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}


@router.head("/{artifact_id}", include_in_schema=False)
@router.get(
    "/{artifact_id}", response_class=Response, responses={200: {"content": {"audio/*": {}}}, 206: {}, 416: {}}
)
async def get_artifact(artifact_id: str, request: Request, house: Parts, asker: Reader) -> Response:
    """The file, or one range of it. It never changes, so caches may keep it."""
    artifact = await find(artifact_id, asker, house.store, house.queue)
    headers = _headers(artifact, shared=not asker.id)
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    span = wanted(request.headers, artifact.bytes, headers["ETag"]) if request.method == "GET" else None
    file = await asyncio.to_thread(house.store.open, artifact_id)
    return FileAnswer(file, artifact, span, headers)


@router.post(
    "",
    status_code=201,
    response_model=UploadLink,
    responses={
        200: {"model": UploadLink, "description": "Brought before; it is kept anew from now on."},
        403: {"model": ProblemDocument, "description": "Of a block list, or its credentials forbid it."},
        413: {"model": ProblemDocument, "description": "More bytes than an upload may have."},
        422: {"model": ProblemDocument, "description": "No sound, too long, or not to be decoded."},
    },
    openapi_extra=_BODY,
    dependencies=[Depends(query())],
)
async def post_artifact(request: Request, house: Parts, asker: Maker) -> Response:
    """Bring a sound file, to be a melody or the beginning of a song."""
    kept = await upload(request, house, asker)
    url = f"{request.scope.get('root_path', '')}/artifacts/{kept.artifact.id}"
    link = UploadLink(**(kept.artifact.to_dict() | {"url": url, "credentials": kept.credentials}))
    headers = {"Location": url, "Cache-Control": "no-store"}
    return Response(link.model_dump_json(), 201 if kept.new else 200, headers, "application/json")


@router.delete("/{artifact_id}", status_code=204, dependencies=[Depends(query())])
async def delete_artifact(artifact_id: str, house: Parts, asker: Maker) -> Response:
    """Take an upload back. Jobs that listen to it keep it until they are over."""
    await find(artifact_id, asker, house.store, house.queue)
    if not await asyncio.to_thread(release, artifact_id, house, asker):
        raise NotAnUpload(
            "nobody uploaded this file here: it belongs to a job",
            param="id",
            suggestion="DELETE /jobs/{id} removes a song",
        )
    return Response(status_code=204)


def _headers(artifact: Artifact, *, shared: bool) -> dict[str, str]:
    scope = "public" if shared else "private"
    return {
        "ETag": etag(artifact.sha256),
        "Cache-Control": f"{scope}, max-age=31536000, immutable",
        "Content-Security-Policy": PLAYER_POLICY,
        "Content-Disposition": f'inline; filename="muscgen-{artifact.sha256[:12]}.{artifact.extension}"',
    }
