"""Tasks of workers to documents."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request, Response

from muscgen.api.problems import describe_stored
from muscgen.api.schemas import ProblemDocument, TaskDocument, TaskPart, TaskProgress
from muscgen.jobs.tasks import Part, Task


def task_url(task_id: str, root: str = "") -> str:
    """root: where the service is mounted, if not at the top."""
    return f"{root}/admin/model-tasks/{task_id}"


def task_document(task: Task, root: str = "") -> TaskDocument:
    """The task as operators see it; its error is that of the first part that failed."""
    parts = [_part(part) for part in task.parts]
    done = sum(part.progress.bytes_done for part in parts)
    total = sum(part.progress.bytes_total for part in parts)
    return TaskDocument(
        id=task.id,
        kind=task.kind,
        model=task.model,
        state=task.state,
        wish=task.wish,
        created_at=datetime.fromtimestamp(task.created_at, UTC),
        cancel_requested=task.cancel_requested,
        fraction=1.0 if task.state == "succeeded" else done / total if total else 0.0,
        parts=parts,
        error=next((part.error for part in parts if part.error), None),
        url=task_url(task.id, root),
    )


def task_accepted(task: Task, request: Request) -> Response:
    """202, and where to look."""
    told = task_document(task, request.scope.get("root_path", ""))
    headers = {"Location": told.url, "Cache-Control": "no-store"}
    return Response(told.model_dump_json(), 202, headers, "application/json")


def _part(part: Part) -> TaskPart:
    known = {name: part.progress[name] for name in TaskProgress.model_fields if name in part.progress}
    return TaskPart(
        name=part.name,
        state=part.state,
        worker=part.worker,
        progress=TaskProgress(**known),
        error=ProblemDocument(**describe_stored(part.error)) if part.error else None,
        ended_at=None if part.ended_at is None else datetime.fromtimestamp(part.ended_at, UTC),
    )
