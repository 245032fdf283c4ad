"""`muscgen webhooks`: what signs them, which could not be told, and telling them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from muscgen.cli.options import AsJson, Home, RedisUrl
from muscgen.cli.words import in_words, say

if TYPE_CHECKING:
    from muscgen.jobs import Queue
    from muscgen.settings import Settings

T = TypeVar("T")
app = typer.Typer(help="Tell others what happens to jobs.", no_args_is_help=True, rich_markup_mode=None)


@app.command("secret")
def secret(
    tenant: Annotated[str, typer.Option(help="Whose jobs they sign; default: those of nobody.")] = "",
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """What calls are signed with, one secret a line: receivers need one of them."""
    with in_words(as_json=as_json):
        from muscgen.cli.telling import signing
        from muscgen.settings import load

        words = signing(load(home=home)).of(tenant).words
        say(list(words), "\n".join(words), as_json=as_json)


@app.command("dead")
def dead(
    as_json: AsJson = False,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Jobs of the last 7 days whose end could not be told within a day, and why not."""
    with in_words(as_json=as_json):
        from dataclasses import asdict

        found = _with_queue(home, redis_url, lambda queue: queue.dead_calls())
        if as_json:
            typer.echo(json.dumps([asdict(call) for call in found], indent=2))
            return
        for call in found:
            died = datetime.fromtimestamp(call.died_at, UTC).isoformat(timespec="seconds")
            typer.echo(f"{call.job_id}  {died}  tries: {call.tries}  {call.reason}")


@app.command("resend")
def resend(
    job: Annotated[str, typer.Argument(metavar="JOB")],
    as_json: AsJson = False,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Tell the end of a job again, now, whether it was heard or not; the message keeps its id."""
    with in_words(as_json=as_json):
        _with_queue(home, redis_url, lambda queue: queue.resend_call(job))
        if as_json:
            typer.echo(json.dumps({"job": job, "resent": True}, indent=2))


@app.command("deliver")
def deliver(home: Home = None, redis_url: RedisUrl = None) -> None:
    """Call webhooks until Ctrl-C or SIGTERM, for a service whose API does not (`serve --no-webhooks`)."""
    with in_words():
        import asyncio

        from muscgen import telemetry
        from muscgen.cli.queue_server import reached
        from muscgen.settings import load

        settings = load(home=home, redis_url=redis_url)
        telemetry.configure_logging(settings.log_format)
        with reached(settings) as url:
            asyncio.run(_deliver(settings, url))


async def _deliver(settings: Settings, url: str) -> None:
    from muscgen.api import create_app
    from muscgen.cli.telling import deliver as telling
    from muscgen.cli.telling import signing, until_stopped
    from muscgen.models.registry import Registry
    from muscgen.worker.main import open_files, open_queue, patiently_check

    queue = open_queue(settings, url)
    try:
        await patiently_check(queue)
        store, registry = open_files(settings, url), Registry(settings.models_path)
        house = create_app(settings, queue=queue, store=store, registry=registry).state.house
        await until_stopped(telling(settings, house, signing(settings)))
    finally:
        await queue.close()


def _with_queue(home: Path | None, redis_url: str | None, act: Callable[[Queue], Awaitable[T]]) -> T:
    from muscgen.cli.queue_server import at_redis
    from muscgen.jobs import Queue
    from muscgen.settings import load

    return at_redis(load(home=home, redis_url=redis_url), lambda redis: act(Queue(redis)))
