"""Files handed out: to whoever may see them, and by signed addresses to anybody, until a time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from muscgen.admission import Principal, find, find_linked, read_as
from muscgen.api.attached import link_to_credentials
from muscgen.api.house import House, Parts, reader
from muscgen.api.preferences import require_json
from muscgen.api.ranges import PLAYER_POLICY, FileAnswer, etag, matches, wanted
from muscgen.api.schemas import SignedLink
from muscgen.artifacts import Artifact

LONGEST_S = 7 * 86_400  # as long as the signed addresses of S3
USUAL_S = 3_600
REDIRECTED_S = 300.0  # a client goes there at once, and may ask for ranges until then


class SignWish(BaseModel):
    """The body of POST /artifacts/{id}/sign; it may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_in: int = Field(default=USUAL_S, ge=1, le=LONGEST_S, description="Seconds.")


@dataclass(frozen=True, slots=True)
class Seen:
    """An artifact that may be shown: to a tenant, to all (public), or until a signed address ends."""

    artifact: Artifact
    public: bool = False
    until: float | None = None


async def seen(
    artifact_id: str,
    request: Request,
    house: Parts,
    expires: Annotated[str | None, Query(description="Of a signed address.")] = None,
    signature: Annotated[str | None, Query(description="Of a signed address.")] = None,
) -> Seen:
    """By a signed address or else by an API key. Raises LinkRefused, Unauthorized, ArtifactNotFound."""
    if expires is not None or signature is not None:
        link = house.links.read(artifact_id, expires or "", signature or "", time.time())
        artifact = await find_linked(link, house.store, house.queue)
        return Seen(artifact, until=link.expires_at)
    return await seen_by(await reader(request, house), artifact_id, house)


async def seen_by(asker: Principal, artifact_id: str, house: House) -> Seen:
    """Raises ArtifactNotFound."""
    return Seen(await find(artifact_id, asker, house.store, house.queue), public=not asker.id)


Shown = Annotated[Seen, Depends(seen)]


async def hand_out(shown: Seen, request: Request, house: House) -> Response:
    """The file, a range of it, that the client has it, or where the bucket has it. Raises RangeOutside."""
    artifact, headers = shown.artifact, _headers(shown)
    if shown.until is None and "range" not in request.headers:
        headers |= await link_to_credentials(house, artifact, request.scope.get("root_path", ""))
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    span = wanted(request.headers, artifact.bytes, headers["ETag"]) if request.method == "GET" else None
    if house.settings.artifacts_redirect and request.method == "GET":
        return await _elsewhere(shown, house)
    file = await asyncio.to_thread(house.store.open, artifact.id)
    return FileAnswer(file, artifact, span, headers)


async def _elsewhere(shown: Seen, house: House) -> Response:
    left_s = REDIRECTED_S if shown.until is None else min(REDIRECTED_S, shown.until - time.time())
    url = await asyncio.to_thread(house.store.direct_url, shown.artifact.id, max(1.0, left_s))
    return RedirectResponse(url or "", 307, {"Cache-Control": "no-store"})


def _headers(shown: Seen) -> dict[str, str]:
    # What is handed out by a signed address is in no cache after that.
    age_s = 31_536_000 if shown.until is None else max(0, int(shown.until - time.time()))
    artifact = shown.artifact
    return {
        "ETag": etag(artifact.sha256),
        "Cache-Control": f"{'public' if shown.public else 'private'}, max-age={age_s}, immutable",
        "Content-Security-Policy": PLAYER_POLICY,
        "Content-Disposition": f'inline; filename="muscgen-{artifact.sha256[:12]}.{artifact.extension}"',
    }


async def sign(artifact_id: str, request: Request, house: House, asker: Principal) -> SignedLink:
    """Raises ArtifactNotFound, InvalidFields, MalformedBody, UnsupportedMediaType."""
    wish = SignWish()
    if body := await request.body():
        require_json(request)
        wish = read_as(SignWish, body)
    await find(artifact_id, asker, house.store, house.queue)
    expires_at = int(time.time()) + wish.expires_in
    query = house.links.sign(artifact_id, asker.id, expires_at)
    root = request.scope.get("root_path", "")
    return SignedLink(
        url=f"{root}/artifacts/{artifact_id}?{query}", expires_at=datetime.fromtimestamp(expires_at, UTC)
    )
