"""`muscgen jobs` and `muscgen queue`: what operators see and do, straight at the queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from muscgen.cli import at_service
from muscgen.cli.options import AsJson, Home, RedisUrl
from muscgen.cli.server import asking, there
from muscgen.cli.words import in_words, say
from muscgen.errors import InvalidRequest, ModelNotFound

if TYPE_CHECKING:
    from muscgen.jobs import Queue
    from muscgen.jobs.job import Job

app = typer.Typer(
    help="List, show, follow, save, cancel, requeue and purge jobs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
queue_app = typer.Typer(help="Queues: figures, pause, resume.", no_args_is_help=True, rich_markup_mode=None)

JobId = Annotated[str, typer.Argument(metavar="JOB")]
Model = Annotated[str, typer.Argument(metavar="MODEL")]
T = TypeVar("T")


@app.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed ...")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """Jobs of all tenants, newest first; never a prompt. At a service: the key's own, or a tenant's."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        _check_state(state)
        if client is not None:
            documents = at_service.jobs(client, state, model, tenant, limit)
            say(documents, "\n".join(map(at_service.line, documents)), as_json=as_json)
            return
        page = _with_queue(
            lambda queue: queue.list(state=state, model=model, tenant=tenant, limit=limit), redis_url, home
        )
        if as_json:
            typer.echo(json.dumps([_shown(job) for job in page.jobs], indent=2))
            return
        for job in page.jobs:
            parts = (
                job.id,
                job.state,
                job.model,
                job.tenant,
                f"{job.request.duration_s:g} s x {job.request.n}",
            )
            typer.echo("  ".join(filter(None, parts)))


@app.command("show")
def show(job: JobId, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """One job, with its request, as JSON."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            typer.echo(client.job(job).now.model_dump_json(indent=2))
            return
        found = _with_queue(lambda queue: queue.get(job), redis_url, home)
        request = found.request.model_dump(mode="json", by_alias=True)
        typer.echo(json.dumps(_shown(found) | {"request": request, "result": found.result}, indent=2))


@app.command("cancel")
def cancel(job: JobId, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """Cancel a job that waits or runs."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            now = client.job(job).cancel().now
            told, state = now.model_dump(mode="json"), now.status
        else:
            found = _with_queue(lambda queue: queue.cancel(job), redis_url, home)
            told, state = _shown(found), found.state
        say(told, f"{job}  {'cancelling' if state == 'running' else state}", as_json=as_json)


@app.command("requeue")
def requeue(job: JobId, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """Try a dead letter's request again, as a new job."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            new = client.ask("POST", f"admin/jobs/{job}/requeue")["id"]
        else:
            new = _with_queue(lambda queue: queue.revive(job), redis_url, home).job_id
        say({"job": new}, new, as_json=as_json)


@app.command("follow")
def follow(job: JobId, as_json: AsJson = False) -> None:
    """A service's job until it ends, with a bar; as JSON, every event as a line. Exit code 1: no song."""
    with in_words(as_json=as_json, anywhere=True), asking("jobs are followed at a service") as client:
        at_service.follow(client, job, as_json=as_json)


@app.command("save")
def save(
    job: JobId,
    output: Annotated[Path, typer.Option("-o", "--output", help="wav, flac, mp3, ogg or opus by ending.")],
    index: Annotated[int, typer.Option("--index", min=0, help="Which of several songs.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fetch the song of a service's finished job, in any format."""
    with in_words(as_json=as_json, anywhere=True), asking("songs are fetched from a service") as client:
        from muscgen.cli.files import check_writable

        check_writable(output)
        path = client.job(job).save(output, index)
        say({"job": job, "path": str(path), "bytes": path.stat().st_size}, str(path), as_json=as_json)


@app.command("purge")
def purge(
    model: Model,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """Cancel every job of a model that waits."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if not yes:
            typer.confirm(f"Cancel all jobs that wait for {model}?", abort=True, err=True)
        if client is not None:
            gone = client.ask("POST", "admin/queues/purge", params={"model": model})["cancelled"]
        else:
            gone = _with_queue(lambda queue: queue.purge(model), redis_url, home, model)
        say({"cancelled": gone}, f"{gone} cancelled", as_json=as_json)


@queue_app.command("stats")
def stats(as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """How each model's queue stands."""

    async def all_of_them(queue: Queue) -> list[dict[str, object]]:
        return [asdict(await queue.stats(model)) for model in await queue.models()]

    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            found = client.ask("GET", "admin/queues")["queues"]
        else:
            found = _with_queue(all_of_them, redis_url, home)
        lines = ("  ".join(f"{name}={value}" for name, value in figures.items()) for figures in found)
        say(found, "\n".join(lines), as_json=as_json)


@queue_app.command("pause")
def pause(model: Model, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """Give no jobs of a model out; new ones are accepted."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            client.ask("POST", "admin/queues/pause", params={"model": model})
        else:
            _with_queue(lambda queue: queue.pause(model), redis_url, home, model)
        say({"model": model, "paused": True}, f"{model} is paused", as_json=as_json)


@queue_app.command("resume")
def resume(model: Model, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """Give jobs of a model out again."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            client.ask("POST", "admin/queues/resume", params={"model": model})
        else:
            _with_queue(lambda queue: queue.resume(model), redis_url, home, model)
        say({"model": model, "paused": False}, f"{model} goes on", as_json=as_json)


def _with_queue(
    work: Callable[[Queue], Awaitable[T]], redis_url: str | None, home: Path | None, model: str | None = None
) -> T:
    """What the work at the queue comes to. Raises ModelNotFound for a model that nobody knows."""
    from muscgen.cli.queue_server import reached
    from muscgen.settings import load
    from muscgen.worker.main import open_queue

    settings = load(redis_url=redis_url, home=home)

    async def run(url: str) -> T:
        queue = open_queue(settings, url)
        try:
            if model is not None:
                _check_model(model, await queue.models(), settings.models_path)
            return await work(queue)
        finally:
            await queue.close()

    with reached(settings) as url:
        return asyncio.run(run(url))


def _check_model(model: str, queued: list[str], models_path: Path) -> None:
    from muscgen.models.registry import Registry

    known = sorted({*queued, *(card.id for card in Registry(models_path, strict=False).list())})
    if model not in known:
        raise ModelNotFound(f"there is no queue of {model!r}", param="model", suggestion=", ".join(known))


def _check_state(state: str | None) -> None:
    from muscgen.jobs.states import State

    if state is not None and state not in set(State):
        raise InvalidRequest(f"{state!r} is no state", param="state", suggestion=", ".join(State))


def _shown(job: Job) -> dict[str, object]:
    names = (
        "id",
        "state",
        "model",
        "tenant",
        "created_at",
        "completed_at",
        "attempts",
        "worker",
        "cache",
        "error",
    )
    return {name: getattr(job, name) for name in names}
