"""Commands done at a service: what is asked, and lines for people."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from muscgen.client import Client

LOOK_S = 0.5  # between two looks at a task
PAGE = 200  # of a list, at most
ENDED = ("succeeded", "failed", "cancelled")


def jobs(
    client: Client, state: str | None, model: str | None, tenant: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest: the key's own tenant's, or as an operator another's."""
    filters: dict[str, str | int] = {"limit": limit}
    filters |= {name: value for name, value in (("state", state), ("model", model)) if value is not None}
    if tenant is None:
        return list(client.ask("GET", "jobs", params=filters)["jobs"])
    return list(client.ask("GET", "admin/jobs", params=filters | {"tenant": tenant})["jobs"])


def line(job: dict[str, Any]) -> str:
    """A job in a list; never its prompt."""
    wish = job["request"]
    return f"{job['id']}  {job['status']}  {job['model']['id']}  {wish['duration']:g} s x {wish['n']}"


def follow(client: Client, job_id: str, *, as_json: bool) -> None:
    """Until the job has ended. Raises its failure."""
    job = client.job(job_id)
    if not as_json:
        from muscgen.cli.remote import followed

        typer.echo(f"{job_id}  {followed(job, cancels=False).status}")
        return
    for event in job.events():
        typer.echo(json.dumps({"id": event.id, "event": event.kind, "data": event.payload}))
    job.wait()


def consents(client: Client, limit: int) -> list[dict[str, Any]]:
    """The key's own, the newest first."""
    return list(islice(_paged(client, "consents", "consents", limit=min(limit, PAGE)), limit))


def uses(client: Client, consent_id: str) -> list[dict[str, Any]]:
    """All that a consent was used for."""
    return list(_paged(client, f"consents/{consent_id}/made", "made"))


def _paged(client: Client, path: str, field: str, **params: str | int) -> Iterator[dict[str, Any]]:
    """A list of the service's, page by page."""
    while True:
        page = client.ask("GET", path, params=params)
        yield from page[field]
        if page["next_cursor"] is None:
            return
        params["cursor"] = page["next_cursor"]


def model_line(model: dict[str, Any]) -> str:
    why_not = model["rights"]["why_not"]
    unusable = f"  [not usable there: {why_not}]" if why_not else ""
    return f"{model['id']}  {model['license']}  {model['state']}  {model['description']}{unusable}"


def ended(client: Client, task: dict[str, Any], words: str, *, as_json: bool) -> None:
    """A task of a service's workers until it has ended, with its steps as lines. Raises its failure."""
    task = _ended(client, task, as_json=as_json)
    if as_json:
        typer.echo(json.dumps(task, indent=2))
    if task["state"] != "succeeded":
        from muscgen.client.problems import error_of

        raise error_of(
            task["error"] or {"code": task["state"], "detail": f"it ended as {task['state']}"}, 500
        )
    if not as_json:
        typer.echo(words)


def _ended(client: Client, task: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    told = None
    while task["state"] not in ENDED:
        now = f"{task['kind']} {task['model']}: {task['state']}, {task['fraction']:.0%}"
        if now != told and not as_json:
            typer.echo(now, err=True)
        told = now
        time.sleep(LOOK_S)
        task = client.ask("GET", task["url"])
    return task
