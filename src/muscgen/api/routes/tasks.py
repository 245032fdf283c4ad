"""/admin/model-tasks: what workers were asked to do with models, and how far they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from muscgen.api.house import OPERATORS, Parts, query
from muscgen.api.schemas import TaskDocument
from muscgen.api.tasks import task_document

router = APIRouter(prefix="/admin/model-tasks", tags=["admin"], dependencies=[OPERATORS])


@router.get("", dependencies=[Depends(query("limit"))])
async def list_tasks(
    request: Request, house: Parts, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """The tasks of the last day, the newest first."""
    root = request.scope.get("root_path", "")
    found = [task_document(task, root) for task in await house.queue.tasks(limit)]
    return {"tasks": [one.model_dump(mode="json") for one in found]}


@router.get("/{task_id}", response_model=TaskDocument, dependencies=[Depends(query())])
async def get_task(task_id: str, request: Request, house: Parts) -> TaskDocument:
    """One task."""
    return task_document(await house.queue.task(task_id), request.scope.get("root_path", ""))


@router.post("/{task_id}/cancel", response_model=TaskDocument, dependencies=[Depends(query())])
async def cancel_task(task_id: str, request: Request, house: Parts) -> TaskDocument:
    """Have it stopped, within seconds; what came of a fetch is kept for the next one."""
    return task_document(await house.queue.cancel_task(task_id), request.scope.get("root_path", ""))
