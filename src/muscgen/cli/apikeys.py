"""`muscgen apikeys`: API keys of tenants."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from muscgen.cli.options import AsJson, Home, RedisUrl
from muscgen.cli.server import there
from muscgen.cli.words import in_words, say
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
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        from muscgen.jobs.limits import Limits

        limits = Limits(per_minute, concurrency, queue_depth, seconds_per_day)
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        until = None if expires is None else time.time() + _seconds(expires)
        if client is not None:
            wish: dict[str, Any] = {"tenant": tenant, "scopes": wanted, "note": note}
            wish["limits"] = limits.to_dict()
            wish |= {} if expires is None else {"expires_in": int(_seconds(expires))}
            _made(client.ask("POST", "admin/keys", body=wish), as_json=as_json)
            return

        async def make(keys: ApiKeys) -> tuple[ApiKey, str]:
            return await keys.create(tenant, scopes=wanted, limits=limits, expires_at=until, note=note)

        key, text = _with_keys(make, redis_url, home)
        _made(key.to_dict() | {"key": text}, as_json=as_json)


@app.command("list")
def list_keys(as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """Every key, without its secret."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            found = client.ask("GET", "admin/keys")["keys"]
        else:
            found = [key.to_dict() for key in _with_keys(lambda keys: keys.list(), redis_url, home)]
        say(found, "\n".join(map(_line, found)), as_json=as_json)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """Close a key: within seconds it opens nothing any more."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        if client is not None:
            key = client.ask("DELETE", f"admin/keys/{key_id}")
        else:
            key = _with_keys(lambda keys: keys.revoke(key_id), redis_url, home).to_dict()
        say(key, f"key {key['id']} of {key['tenant']} is revoked", as_json=as_json)


def _with_keys(work: Callable[[ApiKeys], Awaitable[T]], redis_url: str | None, home: Path | None) -> T:
    from muscgen.cli.queue_server import at_redis
    from muscgen.jobs import surety_of
    from muscgen.jobs.apikeys import ApiKeys
    from muscgen.settings import load

    settings = load(redis_url=redis_url, home=home)
    return at_redis(settings, lambda redis: work(ApiKeys(redis, surety=surety_of(settings))))


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if match is None:
        raise ConfigurationError(
            f"--expires {text!r} is no length of time", param="expires", suggestion="12h, 30d, 8w"
        )
    return int(match[1]) * _UNITS[match[2]]


def _made(key: dict[str, Any], *, as_json: bool) -> None:
    say(key, key["key"], as_json=as_json)
    if not as_json:
        told = "it is shown only now, and cannot be read again"
        typer.echo(f"key {key['id']} of {key['tenant']}; {told}", err=True)


def _line(key: dict[str, Any]) -> str:
    limits = " ".join(f"{name}={value}" for name, value in key["limits"].items() if value is not None)
    parts = (key["id"], key["tenant"], ",".join(key["scopes"]), _standing(key), limits, key["note"])
    return "  ".join(filter(None, parts))


def _standing(key: dict[str, Any]) -> str:
    if key["revoked_at"] is not None:
        return "revoked"
    if key["expires_at"] is None:
        return "works"
    how = "works until" if time.time() < key["expires_at"] else "expired"
    return f"{how} {datetime.fromtimestamp(key['expires_at'], UTC):%Y-%m-%d}"
