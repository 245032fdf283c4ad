"""POST /verify: where does this file come from?"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from muscgen.api.house import Parts, query
from muscgen.api.schemas import ProblemDocument, VerifyReport
from muscgen.api.verifying import Verifier, brought
from muscgen.api.verifying import verify as verified

router = APIRouter(tags=["verify"])

_FILE = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": _FILE,
        "receipt": {"type": "string", "description": "A receipt to compare the file with."},
        "credentials": _FILE | {"description": "A C2PA manifest that is not in the file."},
    },
}
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


@router.post(
    "/verify",
    response_model=VerifyReport,
    responses={
        413: {"model": ProblemDocument, "description": "More bytes than an upload may have."},
        422: {"model": ProblemDocument, "description": "No sound, and without credentials."},
        429: {"model": ProblemDocument, "description": "Too many files a minute without a key."},
    },
    openapi_extra=_BODY,
    dependencies=[Depends(query())],
)
async def verify(request: Request, house: Parts, asker: Verifier) -> Response:
    """Watermark, content credentials and receipt of any sound file, and one verdict. The file is not kept."""
    async with brought(request, house) as given:
        report = await verified(house, given)
    await asyncio.to_thread(
        house.audit.note, "verify", asker.id, sha256=report.look.sha256, verdict=report.verdict
    )
    body = VerifyReport(**report.to_dict()).model_dump_json()
    return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")
