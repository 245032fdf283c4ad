"""/artifacts: the finished files."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from muscgen.api.house import KNOWN, House, Parts
from muscgen.api.ranges import FileAnswer, etag, matches, wanted
from muscgen.artifacts.store import Artifact

router = APIRouter(prefix="/artifacts", tags=["artifacts"], dependencies=[KNOWN])


@router.head("/{artifact_id}", include_in_schema=False)
@router.get(
    "/{artifact_id}", response_class=Response, responses={200: {"content": {"audio/*": {}}}, 206: {}, 416: {}}
)
async def get_artifact(artifact_id: str, request: Request, house: Parts) -> Response:
    """The file, or one range of it. It never changes, so caches may keep it."""
    artifact = await asyncio.to_thread(house.store.get, artifact_id)
    headers = _headers(artifact, house)
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    span = wanted(request.headers, artifact.bytes, headers["ETag"]) if request.method == "GET" else None
    file = await asyncio.to_thread(house.store.open, artifact_id)
    return FileAnswer(file, artifact.bytes, span, headers, artifact.content_type)


def _headers(artifact: Artifact, house: House) -> dict[str, str]:
    scope = "private" if house.settings.api_keys else "public"
    return {
        "ETag": etag(artifact.sha256),
        "Cache-Control": f"{scope}, max-age=31536000, immutable",
        # A browser plays it in a page of its own making, and nothing else in it runs.
        "Content-Security-Policy": "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
        "Content-Disposition": f'inline; filename="muscgen-{artifact.sha256[:12]}.{artifact.extension}"',
    }
