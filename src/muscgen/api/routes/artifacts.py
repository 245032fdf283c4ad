"""/artifacts: the files, finished ones and those that were brought."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from muscgen.admission import find
from muscgen.api.files import Shown, SignWish, hand_out, sign
from muscgen.api.house import Maker, Parts, Reader, query
from muscgen.api.schemas import ProblemDocument, SignedLink, UploadLink
from muscgen.api.uploads import release, upload
from muscgen.errors import NotAnUpload

router = APIRouter(prefix="/artifacts", tags=["artifacts"])

_SIGN: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {"application/json": {"schema": SignWish.model_json_schema()}},
    }
}
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


@router.head("/{artifact_id}", include_in_schema=False, dependencies=[Depends(query("expires", "signature"))])
@router.get(
    "/{artifact_id}",
    response_class=Response,
    responses={
        200: {"content": {"audio/*": {}}},
        206: {},
        307: {"description": "Where the bucket itself hands the file out (`MUSCGEN_ARTIFACTS_REDIRECT`)."},
        403: {
            "model": ProblemDocument,
            "description": "A signed address, over or not signed here.",
        },
        416: {},
    },
    dependencies=[Depends(query("expires", "signature"))],
)
async def get_artifact(request: Request, house: Parts, shown: Shown) -> Response:
    """The file, or one range of it. It never changes, so caches may keep it."""
    return await hand_out(shown, request, house)


@router.post(
    "/{artifact_id}/sign", response_model=SignedLink, openapi_extra=_SIGN, dependencies=[Depends(query())]
)
async def sign_artifact(artifact_id: str, request: Request, house: Parts, asker: Reader) -> Response:
    """An address that needs no key, for an hour or as long as `expires_in` says."""
    link = await sign(artifact_id, request, house, asker)
    return Response(link.model_dump_json(), 200, {"Cache-Control": "no-store"}, "application/json")


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
