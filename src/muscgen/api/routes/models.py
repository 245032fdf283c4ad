"""/v1/models: what can be asked for, where it is, and what operators have done with it."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from muscgen.api.house import KNOWN, OPERATORS, House, Operator, Parts, query
from muscgen.api.models import found_in, listed, told
from muscgen.api.schemas import TaskDocument
from muscgen.api.tasks import task_accepted
from muscgen.errors import InvalidRequest, ModelInUse, ModelNotFetched
from muscgen.fetching.places import HUB
from muscgen.fetching.shelf import check_id
from muscgen.fetching.terms import known, standing
from muscgen.jobs.tasks import TaskKind
from muscgen.models.card import Card
from muscgen.models.leftout import BUILTIN
from muscgen.models.registry import folders_by_id
from muscgen.models.terms import Said

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[KNOWN])
operators = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[OPERATORS])
_ACCEPTED: dict[str, Any] = {
    "status_code": 202,
    "response_model": TaskDocument,
    "dependencies": [Depends(query())],
}


class PullWish(BaseModel):
    """Which version, and the licence of a model that no card is known of. Everything may be left out."""

    model_config = ConfigDict(extra="forbid")

    revision: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Branch, tag or commit; null: the newest, if none is here.",
    )
    license: str | None = Field(default=None, max_length=200, description="SPDX.")
    license_url: str | None = Field(default=None, max_length=500)
    attribution: str | None = Field(default=None, max_length=500)


@router.get("")
async def list_models(house: Parts) -> dict[str, Any]:
    """`data`: the models that are here, with limits, licence, rights, state, defaults and the schema of the
    parameters. `known`: those that could be fetched."""
    return await listed(house)


@router.get("/{model_id:name}")
async def get_model(model_id: str, house: Parts) -> dict[str, Any]:
    """One model, here or known, and the workers that have to do with it."""
    return await told(found_in(model_id, house), house)


@operators.post("/{model_id:name}/pull", **_ACCEPTED)
async def pull_model(
    model_id: str, request: Request, house: Parts, asker: Operator, wish: PullWish | None = None
) -> Response:
    """Have it fetched, wherever workers keep their models; only what its licence permits here."""
    check_id(model_id)
    wish = wish or PullWish()
    await asyncio.to_thread(_check_pull, model_id, wish, house)
    return await _asked("pull", model_id, house, request, asker.id, wish.model_dump(exclude_none=True))


@operators.post("/{model_id:name}/load", **_ACCEPTED)
async def load_model(model_id: str, request: Request, house: Parts, asker: Operator) -> Response:
    """Have every worker load it, and keep it however long nobody uses it."""
    found = found_in(model_id, house)
    house.rules.allow(found)
    if not isinstance(found, Card) and not await _somewhere(model_id, house):
        raise ModelNotFetched(
            f"{model_id} is known, and not here", param="model", suggestion=f"POST /v1/models/{model_id}/pull"
        )
    return await _asked("load", model_id, house, request, asker.id)


@operators.post("/{model_id:name}/unload", **_ACCEPTED)
async def unload_model(model_id: str, request: Request, house: Parts, asker: Operator) -> Response:
    """Have every worker give its memory back once its songs have ended; the next job brings it back."""
    found_in(model_id, house)
    return await _asked("unload", model_id, house, request, asker.id)


@operators.delete("/{model_id:name}", **_ACCEPTED)
async def remove_model(model_id: str, request: Request, house: Parts, asker: Operator) -> Response:
    """Have its files removed; not under jobs that wait or run."""
    found_in(model_id, house)
    if model_id in folders_by_id(BUILTIN):
        raise InvalidRequest(f"{model_id} comes with muscgen, and goes with it", param="model")
    if waiting := await house.queue.depth(model_id) + await house.queue.running(model_id):
        raise ModelInUse(
            f"{waiting} jobs wait for {model_id} or make songs with it",
            param="model",
            suggestion=f"POST /admin/queues/purge?model={model_id} cancels those that wait",
        )
    return await _asked("remove", model_id, house, request, asker.id)


async def _asked(
    kind: TaskKind, model: str, house: House, request: Request, asker: str, wish: dict[str, Any] | None = None
) -> Response:
    return task_accepted(await house.queue.ask_workers(kind, model, wish, asker=asker), request)


def _check_pull(model: str, wish: PullWish, house: House) -> None:
    """By what is known here. Of a model that is not, a manifest has the last word, which workers read."""
    path, anew = house.settings.models_path, wish.revision is not None
    if house.settings.models_from == HUB or known(model, path, anew=anew) is not None:
        said = Said(wish.license, wish.license_url, wish.attribution)
        house.rules.allow(standing(model, path, said, anew=anew))


async def _somewhere(model: str, house: House) -> bool:
    return any(worker.holds != "absent" for worker in await house.queue.workers(model))
