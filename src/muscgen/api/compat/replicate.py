"""/v1/predictions and what belongs to it, as Replicate's client asks them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from muscgen.admission import Principal, read_as
from muscgen.api.compat.asking import admit, refuse
from muscgen.api.compat.catalogue import model_meant, site_of
from muscgen.api.compat.following import follow_prediction
from muscgen.api.compat.inputs import NAMES, Input, wish_of
from muscgen.api.compat.predictions import prediction
from muscgen.api.connection import while_connected
from muscgen.api.house import House, Maker, Parts, Reader, query
from muscgen.api.preferences import MAX_WAIT_S, require_json
from muscgen.api.routes.jobs import is_event_id
from muscgen.errors import InvalidRequest
from muscgen.request import WebhookEvent

router = APIRouter(tags=["compatible"], include_in_schema=False)

_WAIT = re.compile(r"wait(?:=([0-9]{1,3}))?")
Told = Literal["start", "output", "logs", "completed"]
# Songs are there when a job is done, and not before.
_EVENTS: dict[Told, WebhookEvent] = {
    "start": "started",
    "logs": "progress",
    "output": "completed",
    "completed": "completed",
}


class PredictionWish(BaseModel):
    """The body of POST /v1/predictions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: str | None = Field(
        default=None, description="A model's id, owner/name, or its weights' SHA-256."
    )
    input: Input
    webhook: str | None = None
    webhook_events_filter: tuple[Told, ...] | None = None
    stream: bool = Field(default=False, description="Every prediction can be followed, asked or not.")


@router.post("/v1/predictions", dependencies=[Depends(query())])
async def create(request: Request, house: Parts, asker: Maker) -> Response:
    """Make songs; `Prefer: wait` stays for them, up to a minute."""
    return await _created(None, request, house, asker)


@router.post("/v1/models/{model:name}/predictions", dependencies=[Depends(query())])
async def create_by_model(model: str, request: Request, house: Parts, asker: Maker) -> Response:
    """The same, by a model's name."""
    return await _created(model, request, house, asker)


@router.get("/v1/predictions", dependencies=[Depends(query("cursor"))])
async def list_predictions(
    request: Request, house: Parts, asker: Reader, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> dict[str, Any]:
    """The tenant's, newest first."""
    page, site = await house.queue.list(tenant=asker.id or None, limit=100, cursor=cursor), site_of(request)
    following = page.next_cursor and f"{site}/v1/predictions?cursor={page.next_cursor}"
    found = [prediction(job, house, site) for job in page.jobs]
    return {"previous": None, "next": following, "results": found}


@router.get("/v1/predictions/{job_id}", dependencies=[Depends(query())])
async def get(job_id: str, request: Request, house: Parts, asker: Reader) -> dict[str, Any]:
    """One."""
    return prediction(await house.job_of(asker, job_id), house, site_of(request))


@router.post("/v1/predictions/{job_id}/cancel", dependencies=[Depends(query())])
async def cancel(job_id: str, request: Request, house: Parts, asker: Maker) -> dict[str, Any]:
    """Stop it, once or again."""
    await house.job_of(asker, job_id)
    return prediction(await house.queue.cancel(job_id), house, site_of(request))


@router.get("/v1/predictions/{job_id}/stream", dependencies=[Depends(query())])
async def stream(
    job_id: str,
    request: Request,
    house: Parts,
    asker: Reader,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Its songs and its progress, as they come."""
    job = await house.job_of(asker, job_id)
    if last_event_id is not None and not is_event_id(last_event_id):
        raise InvalidRequest("Last-Event-ID is not the id of an event", param="Last-Event-ID")
    return follow_prediction(job, house, request, site_of(request), last_event_id)


async def _created(model: str | None, request: Request, house: House, asker: Principal) -> Response:
    require_json(request)
    wish = read_as(PredictionWish, await request.body())
    if model is not None and wish.version is not None:
        refuse("version", f"the address names {model[:80]} already", "leave it out")
    if "cancel-after" in request.headers:
        refuse("Cancel-After", "is not heeded here", "delivery.deadline of POST /generate")
    named, wait_s, site = model or wish.version, _wait_s(request), site_of(request)
    body = wish_of(wish.input, None if named is None else model_meant(named, house))
    body["delivery"] = _delivery(wish, site)
    key = request.headers.get("idempotency-key")
    found = await admit(house, asker, body, NAMES, idempotency_key=key, stays=wait_s > 0)
    job = await while_connected(request, house.queue.wait(found.job.id, wait_s))
    told = prediction(job, house, site)
    return JSONResponse(told, 201, {"Location": told["urls"]["get"], "Cache-Control": "no-store"})


def _delivery(wish: PredictionWish, site: str) -> dict[str, Any]:
    if wish.webhook is None:
        if wish.webhook_events_filter is not None:
            refuse("webhook_events_filter", "there is no webhook", "webhook")
        return {}
    asked: tuple[Told, ...] = wish.webhook_events_filter or ("completed",)
    events = list(dict.fromkeys(_EVENTS[name] for name in asked))
    return {"webhook": {"url": wish.webhook, "events": events, "form": "prediction", "site": site}}


def _wait_s(request: Request) -> int:
    """What `Prefer` asks for: `wait` is a minute. Raises InvalidRequest."""
    for part in ",".join(request.headers.getlist("prefer")).lower().split(","):
        if not part.strip().startswith("wait"):
            continue
        found = _WAIT.fullmatch(part.strip())
        wait_s = int(found[1] or MAX_WAIT_S) if found else 0
        if not 1 <= wait_s <= MAX_WAIT_S:
            refuse("Prefer", f"wait is 1 to {MAX_WAIT_S} seconds", "wait")
        return wait_s
    return 0
