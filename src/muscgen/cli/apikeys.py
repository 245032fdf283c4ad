"""`muscgen apikeys`: API keys of tenants."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from muscgen.cli.options import AsJson, Home, RedisUrl
from muscgen.cli.words import in_words
from muscgen.errors import ConfigurationError

if TYPE_CHECKING:
    from muscgen.jobs.apikeys import ApiKey, ApiKeys

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)

T = TypeVar("T")
_UNITS = {"h": 3_600, "d": 86_400, "w": 604_800}


@app.command("create")
def create(
    tenant: Annotated[str, typer.Option(help="Whose key it is: keys of one tenant see the same jobs.")],
    scopes: Annotated[str, typer.Option(help="Of generate, read, verify, admin.")] = "generate,read,verify",
    note: Annotated[str, typer.Option(help="For you to remember it by.")] = "",
    expires: Annotated[str | None, typer.Option(help="After 12h, 30d or 8w; default: never.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=0, help="Jobs accepted a minute.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Jobs made at once, a model.")] = None,
    queue_depth: Annotated[int | None, typer.Option(min=1, help="Jobs that wait, a model.")] = None,
    seconds_per_day: Annotated[float | None, typer.Option(min=0, help="Seconds of music a day.")] = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """Make a key and show it, this once."""
    with in_words():
        from muscgen.jobs.limits import Limits

        limits = Limits(per_minute, concurrency, queue_depth, seconds_per_day)
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        until = None if expires is None else time.time() + _seconds(expires)

        async def make(keys: ApiKeys) -> tuple[ApiKey, str]:
            return await keys.create(tenant, scopes=wanted, limits=limits, expires_at=until, note=note)

        key, text = _with_keys(make, redis_url, home)
        if as_json:
            typer.echo(json.dumps(key.to_dict() | {"key": text}, indent=2))
        else:
            typer.echo(text)
            typer.echo(f"key {key.id} of {tenant}; it is shown only now, and cannot be read again", err=True)


@app.command("list")
def list_keys(as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """Every key, without its secret."""
    with in_words():
        keys = _with_keys(lambda keys: keys.list(), redis_url, home)
        if as_json:
            typer.echo(json.dumps([key.to_dict() for key in keys], indent=2))
            return
        for key in keys:
            limits = " ".join(
                f"{name}={value}" for name, value in key.limits.to_dict().items() if value is not None
            )
            parts = (key.id, key.tenant, ",".join(sorted(key.scopes)), _standing(key), limits, key.note)
            typer.echo("  ".join(filter(None, parts)))


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID")], redis_url: RedisUrl = None, home: Home = None
) -> None:
    """Close a key: within seconds it opens nothing any more."""
    with in_words():
        key = _with_keys(lambda keys: keys.revoke(key_id), redis_url, home)
        typer.echo(f"key {key.id} of {key.tenant} is revoked")


def _with_keys(work: Callable[[ApiKeys], Awaitable[T]], redis_url: str | None, home: Path | None) -> T:
    from muscgen.cli.queue_server import reached
    from muscgen.jobs import connect, surety_of
    from muscgen.jobs.apikeys import ApiKeys
    from muscgen.settings import load

    settings = load(redis_url=redis_url, home=home)

    async def run(url: str) -> T:
        client = connect(url)
        try:
            return await work(ApiKeys(client, surety=surety_of(settings)))
        finally:
            await client.aclose()

    with reached(settings) as url:
        return asyncio.run(run(url))


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if match is None:
        raise ConfigurationError(
            f"--expires {text!r} is no length of time", param="expires", suggestion="12h, 30d, 8w"
        )
    return int(match[1]) * _UNITS[match[2]]


def _standing(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "works"
    how = "works until" if key.works(time.time()) else "expired"
    return f"{how} {datetime.fromtimestamp(key.expires_at, UTC):%Y-%m-%d}"
