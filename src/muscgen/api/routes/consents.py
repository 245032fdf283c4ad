"""/consents: by what right sound is used, until somebody takes it back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from muscgen.admission import note_consent
from muscgen.api.consents import cursor_of, place_of, record_in, shown, use
from muscgen.api.house import Maker, Parts, Reader, query
from muscgen.api.openapi import CONSENT_WISH
from muscgen.api.schemas import (
    ConsentDocument,
    ConsentList,
    ConsentRevoked,
    ConsentUses,
    ProblemDocument,
)
from muscgen.jobs.read import MAX_PAGE

router = APIRouter(prefix="/consents", tags=["consents"])

_FILE = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["consent", "statement"],
    "properties": {
        "consent": {"type": "string", "description": "The consent in JSON."},
        "statement": _FILE | {"description": "What was signed; its SHA-256 is kept."},
        "signature": _FILE | {"description": "Of the statement, raw or in base64."},
        "public_key": {"type": "string", "description": "PEM; the signature is verified with it."},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": CONSENT_WISH}},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=300)]


class RevokeWish(BaseModel):
    """Why, if somebody shall know."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=500)


@router.post(
    "",
    status_code=201,
    response_model=ConsentDocument,
    responses={422: {"model": ProblemDocument, "description": "A field is wrong, or a signature."}},
    openapi_extra=_BODY,
    dependencies=[Depends(query())],
)
async def create_consent(request: Request, house: Parts, asker: Maker) -> Response:
    """Keep a consent, to be named by its id in requests that bring sound."""
    record = await record_in(request, house, asker.id)
    await asyncio.to_thread(note_consent, house.audit, record)
    held = await house.consents.put(record)
    where = {"Location": f"{request.scope.get('root_path', '')}/consents/{record.id}"}
    return Response(
        shown(held).model_dump_json(), 201, {**where, "Cache-Control": "no-store"}, "application/json"
    )


@router.get("", response_model=ConsentList, dependencies=[Depends(query("limit", "cursor"))])
async def list_consents(house: Parts, asker: Reader, limit: Limit = 50, cursor: Cursor = None) -> ConsentList:
    """The tenant's consents, newest first; those that were told in requests too."""
    found, after = await house.consents.of(asker.id, limit, place_of(cursor))
    return ConsentList(consents=[shown(held) for held in found], next_cursor=cursor_of(after))


@router.get("/{consent_id}", response_model=ConsentDocument, dependencies=[Depends(query())])
async def get_consent(consent_id: str, house: Parts, asker: Reader) -> ConsentDocument:
    """One consent, and whether it stands."""
    return shown(await house.consents.get(consent_id, asker.id))


@router.get(
    "/{consent_id}/made", response_model=ConsentUses, dependencies=[Depends(query("limit", "cursor"))]
)
async def made_with(
    consent_id: str,
    request: Request,
    house: Parts,
    asker: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ConsentUses:
    """What a consent was used for, oldest first: jobs, and the files that came of them."""
    await house.consents.get(consent_id, asker.id)
    made, after = await house.consents.made(consent_id, limit, place_of(cursor))
    root = request.scope.get("root_path", "")
    return ConsentUses(made=[use(each, root) for each in made], next_cursor=cursor_of(after))


@router.post("/{consent_id}/revoke", response_model=ConsentRevoked, dependencies=[Depends(query())])
async def revoke_consent(
    consent_id: str, request: Request, house: Parts, asker: Maker, wish: RevokeWish | None = None
) -> ConsentRevoked:
    """Take a consent back, once or again: nothing is begun with it from now on. What was made is listed."""
    held = await house.consents.revoke(consent_id, asker.id, wish.reason if wish else "")
    # Taken back first: no full disk keeps a consent alive.
    await asyncio.to_thread(
        house.audit.note, "revoke", asker.id, consent=consent_id, sha256=held.record.sha256
    )
    made, after = await house.consents.made(consent_id, MAX_PAGE)
    root = request.scope.get("root_path", "")
    return ConsentRevoked(
        **shown(held).model_dump(),
        made=[use(each, root) for each in made],
        next_cursor=cursor_of(after),
    )
