"""/artifacts/{id}/receipt and /credentials: what was attached to a song."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Depends, Request, Response

from muscgen.admission import find
from muscgen.api.attached import attached
from muscgen.api.house import Parts, Reader, query
from muscgen.api.ranges import etag, matches
from muscgen.artifacts.companions import CREDENTIALS, RECEIPT

router = APIRouter(prefix="/artifacts", tags=["artifacts"])


@router.get(
    "/{artifact_id}/receipt",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "The receipt and its signature."}},
    dependencies=[Depends(query())],
)
async def get_receipt(artifact_id: str, request: Request, house: Parts, asker: Reader) -> Response:
    """What a song was made from and by what, signed; prompts as hashes."""
    await find(artifact_id, asker, house.store, house.queue)
    content = await attached(house, artifact_id, RECEIPT, "receipts are for songs that were made here")
    return _answer(content, "application/json", request)


@router.get(
    "/{artifact_id}/credentials",
    response_class=Response,
    responses={200: {"content": {"application/c2pa": {}}, "description": "A C2PA manifest of the file."}},
    dependencies=[Depends(query())],
)
async def get_credentials(artifact_id: str, request: Request, house: Parts, asker: Reader) -> Response:
    """The content credentials of a song whose format has no place for them: ogg and opus."""
    await find(artifact_id, asker, house.store, house.queue)
    content = await attached(house, artifact_id, CREDENTIALS, "wav, flac and mp3 have theirs in the file")
    return _answer(content, "application/c2pa", request)


def _answer(content: bytes, content_type: str, request: Request) -> Response:
    headers = {
        "ETag": etag(hashlib.sha256(content).hexdigest()),
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
    }
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=content_type)
