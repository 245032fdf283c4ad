"""/admin: keys, all tenants' jobs, and the queues; for keys with the scope admin."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from muscgen.api.documents import answer, describe
from muscgen.api.house import OPERATORS, Parts, query
from muscgen.api.schemas import JobDocument, JobList
from muscgen.errors import ModelNotFound
from muscgen.jobs.apikeys import USUAL, ApiKeys
from muscgen.jobs.limits import Limits
from muscgen.jobs.read import MAX_PAGE
from muscgen.jobs.states import State

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[OPERATORS])


class LimitsWish(BaseModel):
    """null is no limit."""

    model_config = ConfigDict(extra="forbid")

    per_minute: int | None = Field(default=None, ge=0)
    concurrency: int | None = Field(default=None, ge=1)
    queue_depth: int | None = Field(default=None, ge=1)
    seconds_per_day: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class KeyWish(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    tenant: str
    scopes: list[str] = Field(default=sorted(USUAL))
    note: str = Field(default="", max_length=200)
    expires_in: int | None = Field(default=None, gt=0, le=3_153_600_000, description="Seconds from now.")
    limits: LimitsWish = LimitsWish()


@router.get("/keys", dependencies=[Depends(query())])
async def list_keys(house: Parts) -> dict[str, Any]:
    """Every key, without its secret."""
    return {"keys": [key.to_dict() for key in await _keys(house).list()]}


@router.post("/keys", status_code=201, dependencies=[Depends(query())])
async def create_key(wish: KeyWish, house: Parts) -> dict[str, Any]:
    """A new key; `key` is its text, which is shown only here."""
    until = None if wish.expires_in is None else time.time() + wish.expires_in
    key, text = await _keys(house).create(
        wish.tenant,
        scopes=wish.scopes,
        limits=Limits(**wish.limits.model_dump()),
        expires_at=until,
        note=wish.note,
    )
    return key.to_dict() | {"key": text}


@router.delete("/keys/{key_id}", dependencies=[Depends(query())])
async def revoke_key(key_id: str, house: Parts) -> dict[str, Any]:
    """Close a key: within 5 seconds it opens nothing, at any replica."""
    return (await _keys(house).revoke(key_id)).to_dict()


@router.get(
    "/jobs",
    response_model=JobList,
    dependencies=[Depends(query("state", "model", "tenant", "limit", "cursor"))],
)
async def list_jobs(
    request: Request,
    house: Parts,
    state: State | None = None,
    model: Annotated[str | None, Query(max_length=200)] = None,
    tenant: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """All tenants' jobs, newest first."""
    page = await house.queue.list(state=state, model=model, tenant=tenant, limit=limit, cursor=cursor)
    root = request.scope.get("root_path", "")
    found = JobList(jobs=[describe(job, house, root) for job in page.jobs], next_cursor=page.next_cursor)
    return Response(found.model_dump_json(by_alias=True), media_type="application/json")


@router.get("/jobs/{job_id}", response_model=JobDocument, dependencies=[Depends(query())])
async def get_job(job_id: str, request: Request, house: Parts) -> Response:
    """Anybody's job."""
    return await answer(await house.queue.get(job_id), house, request)


@router.post("/jobs/{job_id}/cancel", response_model=JobDocument, dependencies=[Depends(query())])
async def cancel_job(job_id: str, request: Request, house: Parts) -> Response:
    """Cancel anybody's job."""
    return await answer(await house.queue.cancel(job_id), house, request)


@router.post(
    "/jobs/{job_id}/requeue", status_code=202, response_model=JobDocument, dependencies=[Depends(query())]
)
async def requeue_job(job_id: str, request: Request, house: Parts) -> Response:
    """Try the request of a dead letter again, as a new job of the same tenant."""
    return await answer((await house.queue.revive(job_id)).job, house, request)


@router.get("/queues", dependencies=[Depends(query())])
async def queues(house: Parts) -> dict[str, Any]:
    """How each model's queue stands."""
    models = sorted({*await house.queue.models(), *(card.id for card in house.registry.list())})
    return {"queues": [asdict(await house.queue.stats(model)) for model in models]}


@router.get("/dead-letters", dependencies=[Depends(query("model"))])
async def dead_letters(house: Parts, model: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    """Jobs of the last 7 days that used up their attempts."""
    letters = await house.queue.dead_letters(await _known(house, model))
    shown = [{"job": letter.job_id, "error": letter.error, "died_at": letter.died_at} for letter in letters]
    return {"dead_letters": shown}


@router.post("/queues/pause", dependencies=[Depends(query("model"))])
async def pause(house: Parts, model: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    """Give no jobs of a model out; new ones are accepted."""
    await house.queue.pause(await _known(house, model))
    return asdict(await house.queue.stats(model))


@router.post("/queues/resume", dependencies=[Depends(query("model"))])
async def resume(house: Parts, model: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    """Give jobs of a model out again."""
    await house.queue.resume(await _known(house, model))
    return asdict(await house.queue.stats(model))


@router.post("/queues/purge", dependencies=[Depends(query("model"))])
async def purge(house: Parts, model: Annotated[str, Query(max_length=200)]) -> dict[str, int]:
    """Cancel every job of a model that waits."""
    return {"cancelled": await house.queue.purge(await _known(house, model))}


def _keys(house: Parts) -> ApiKeys:
    return ApiKeys(house.queue.redis, house.queue.prefix, house.queue.surety)


async def _known(house: Parts, model: str) -> str:
    models = {*await house.queue.models(), *(card.id for card in house.registry.list())}
    if model not in models:
        raise ModelNotFound(
            f"there is no queue of {model!r}", param="model", suggestion=", ".join(sorted(models))
        )
    return model
