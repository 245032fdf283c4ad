"""`muscgen consents`: by what right sound is used, for operators and for songs made here."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from muscgen.cli import at_service
from muscgen.cli.options import AsJson, Home, RedisUrl
from muscgen.cli.server import there
from muscgen.cli.sounds import Basis
from muscgen.cli.words import in_words, say
from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.jobs.consents import Consents, Held, Made
    from muscgen.request import ConsentWish, Statement
    from muscgen.settings import Settings

app = typer.Typer(help="Keep consents, and take them back.", no_args_is_help=True, rich_markup_mode=None)

Tenant = Annotated[str, typer.Option(help="Whose it is; default: an open service's.")]
Id = Annotated[str, typer.Argument(metavar="ID")]
T = TypeVar("T")


@app.command("create")
def create(
    basis: Annotated[Basis, typer.Option(help="By what right.")],
    reference: Annotated[str | None, typer.Option(help="A contract, a licence, an address.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only for these models.")] = None,
    use: Annotated[
        list[str] | None, typer.Option(help="Only for research, noncommercial, commercial.")
    ] = None,
    sound: Annotated[list[str] | None, typer.Option(help="Only these files: a path or a SHA-256.")] = None,
    until: Annotated[datetime | None, typer.Option(help="In UTC.")] = None,
    sensitive: Annotated[list[str] | None, typer.Option(help="Also for voice, likeness.")] = None,
    statement: Annotated[Path | None, typer.Option(help="A file that says so; its hash is kept.")] = None,
    signature: Annotated[Path | None, typer.Option(help="Of that file.")] = None,
    jws: Annotated[Path | None, typer.Option(help="A file with a JWS that says so.")] = None,
    public_key: Annotated[Path | None, typer.Option(help="PEM; the signature is verified with it.")] = None,
    tenant: Tenant = "",
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """Keep a consent; its id is named in requests."""
    files = {"statement": statement, "signature": signature, "jws": jws, "public_key": public_key}
    here = {"redis_url": redis_url, "home": home, "tenant": tenant or None, **files}
    with in_words(as_json=as_json, anywhere=True), there(**here) as client:
        from muscgen.admission import note_consent, record_of
        from muscgen.audit import audit_of
        from muscgen.settings import load

        scope = {
            "models": model,
            "uses": use,
            "inputs": [_digest(each) for each in sound] if sound else None,
            "until": until.replace(tzinfo=UTC).isoformat() if until else None,
            "sensitive": sensitive or [],
        }
        fields = {"basis": basis, "reference": reference, "scope": scope}
        if client is not None:
            kept = client.ask("POST", "consents", body=fields)
            say(kept, kept["id"], as_json=as_json)
            return
        wish = _wish(fields)
        record = record_of(wish, tenant, _statement(wish, statement, signature, jws, public_key))
        settings = load(redis_url=redis_url, home=home)
        note_consent(audit_of(settings), record)
        _say(with_consents(settings, lambda consents: consents.put(record)), as_json)


@app.command("list")
def list_consents(
    tenant: Tenant = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest.")] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """A tenant's consents, the newest first; at a service the key's own."""
    here = {"redis_url": redis_url, "home": home, "tenant": tenant or None}
    with in_words(as_json=as_json, anywhere=True), there(**here) as client:
        from muscgen.settings import load

        if client is not None:
            documents = at_service.consents(client, limit)
        else:
            settings = load(redis_url=redis_url, home=home)
            found, _ = with_consents(settings, lambda consents: consents.of(tenant, limit))
            documents = [_document(held) for held in found]
        say(documents, "\n".join(map(_line, documents)), as_json=as_json)


@app.command("show")
def show(consent_id: Id, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """One consent, whoever's it is, as JSON."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        from muscgen.settings import load

        if client is not None:
            typer.echo(json.dumps(client.ask("GET", f"consents/{consent_id}"), indent=2))
            return

        settings = load(redis_url=redis_url, home=home)
        _say(with_consents(settings, lambda consents: consents.get(consent_id)), as_json=True)


@app.command("made")
def made(consent_id: Id, as_json: AsJson = False, redis_url: RedisUrl = None, home: Home = None) -> None:
    """What a consent was used for: jobs, and the files that came of them."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        from muscgen.settings import load

        if client is not None:
            _say_uses(at_service.uses(client, consent_id), as_json)
            return

        settings = load(redis_url=redis_url, home=home)
        _say_made(with_consents(settings, lambda consents: _all_made(consents, consent_id)), as_json)


@app.command("revoke")
def revoke(
    consent_id: Id,
    reason: Annotated[str, typer.Option(help="If somebody shall know.")] = "",
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
    home: Home = None,
) -> None:
    """Take a consent back: nothing is begun with it from now on. What it was used for is listed."""
    with in_words(as_json=as_json, anywhere=True), there(redis_url=redis_url, home=home) as client:
        from muscgen.audit import audit_of
        from muscgen.settings import load

        if client is not None:
            client.ask(
                "POST", f"consents/{consent_id}/revoke", body={"reason": reason[:500]} if reason else {}
            )
            _say_uses(at_service.uses(client, consent_id), as_json)
            return

        settings = load(redis_url=redis_url, home=home)
        held = with_consents(settings, lambda consents: consents.revoke(consent_id, reason=reason[:500]))
        used = with_consents(settings, lambda consents: _all_made(consents, consent_id))
        audit_of(settings).note("revoke", held.record.tenant, consent=consent_id, sha256=held.record.sha256)
        if not as_json:
            typer.echo(f"{consent_id} is revoked; it was used for:", err=True)
        _say_made(used, as_json)


def _wish(fields: dict[str, Any]) -> ConsentWish:
    from muscgen.admission import read_as
    from muscgen.request import ConsentWish

    return read_as(ConsentWish, json.dumps(fields).encode())


def _statement(
    wish: ConsentWish, file: Path | None, signature: Path | None, jws: Path | None, public_key: Path | None
) -> Statement | None:
    """Raises InvalidRequest for files that do not go together, StatementInvalid."""
    from muscgen.rights import statements

    inputs = wish.scope.inputs or ()
    key = public_key.read_text("ascii", "replace") if public_key else None
    if jws is not None:
        if file is not None or signature is not None:
            raise InvalidRequest("--jws has its statement and its signature inside", param="--jws")
        return statements.of_jws(jws.read_text("ascii", "replace").strip(), key, inputs)
    if file is None:
        for name, other in (("--signature", signature), ("--public-key", public_key)):
            if other is not None:
                raise InvalidRequest(f"{name} needs a --statement", param=name)
        return None
    return statements.of_file(file.read_bytes(), signature.read_bytes() if signature else None, key, inputs)


def _digest(sound: str) -> str:
    from muscgen.artifacts.files import digest

    path = Path(sound)
    return digest(path) if path.is_file() else sound


async def _all_made(consents: Consents, consent_id: str) -> list[Made]:
    await consents.get(consent_id)
    found: list[Made] = []
    page, after = await consents.made(consent_id, 1_000)
    while page:
        found += page
        page, after = await consents.made(consent_id, 1_000, after) if after else ([], None)
    return found


def _say(held: Held, as_json: bool) -> None:
    typer.echo(json.dumps(_document(held), indent=2) if as_json else held.record.id)


def _say_made(found: list[Made], as_json: bool) -> None:
    uses = [
        {"at": datetime.fromtimestamp(use.at, UTC).isoformat(), "job": use.job, "artifact": use.artifact}
        for use in found
    ]
    _say_uses(uses, as_json)


def _say_uses(uses: list[dict[str, Any]], as_json: bool) -> None:
    names = ("at", "job", "artifact")
    lines = ("  ".join(use[name] for name in names if use[name]) for use in uses)
    say(uses, "\n".join(lines), as_json=as_json)


def _line(document: dict[str, Any]) -> str:
    words = (document[name] for name in ("id", "created_at", "standing", "basis", "reference"))
    return "  ".join(word for word in words if word)


def _document(held: Held) -> dict[str, Any]:
    from muscgen.api.consents import shown

    return shown(held).model_dump(mode="json")


def with_consents(settings: Settings, work: Callable[[Consents], Awaitable[T]]) -> T:
    """Ask the records that are kept beside the queue."""
    from muscgen.cli.queue_server import at_redis
    from muscgen.jobs import surety_of
    from muscgen.jobs.consents import Consents

    return at_redis(settings, lambda redis: work(Consents(redis, surety=surety_of(settings))))
