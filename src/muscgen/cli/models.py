"""`muscgen models`: what this installation can play."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muscgen.cli import at_service, bringing, fetching, loading
from muscgen.cli.options import AsJson, Home
from muscgen.cli.server import there
from muscgen.cli.words import in_words, person, say
from muscgen.errors import InvalidRequest, LicenceRefused, ModelNotFound

if TYPE_CHECKING:
    from muscgen.models.card import Card
    from muscgen.models.registry import Registry
    from muscgen.models.terms import Terms
    from muscgen.rights import Rules

app = typer.Typer(
    help="Models: list, show, accept, withdraw, pull, import, manifest, verify, remove, load, unload.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_models(
    known: Annotated[bool, typer.Option("--known", help="Those too that are known by name only.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """The models that are here: id, licence, window and description."""
    with in_words(as_json=as_json, anywhere=True), there(home=home) as client:
        if client is not None:
            found = client.ask("GET", "v1/models")
            documents = [*found["data"], *(found["known"] if known else [])]
            say(documents, "\n".join(map(at_service.model_line, documents)), as_json=as_json)
            return
        from muscgen.models.card import Card
        from muscgen.models.registry import Registry
        from muscgen.models.terms import shipped
        from muscgen.rights import Rules
        from muscgen.settings import load

        settings = load(home=home)
        registry, rules = Registry(settings.models_path, strict=False), Rules(settings)
        cards = registry.list()
        for error in registry.unreadable.values():
            typer.echo(f"muscgen: left out: {error}", err=True)
        here = {card.id for card in cards}
        models: list[Card | Terms] = [
            *cards,
            *(terms for terms in shipped().values() if known and terms.id not in here),
        ]
        if as_json:
            typer.echo(json.dumps([_public(model, rules) for model in models], indent=2))
            return
        width = max(len(model.id) for model in models)
        for model in models:
            why_not = rules.standing(model)["why_not"]
            where = f"window {model.max_duration_s:g} s" if isinstance(model, Card) else "not here"
            typer.echo(
                f"{model.id:{width}}  {model.license}  {where}  {model.description}"
                + (f"  [not usable here: {why_not}]" if why_not else "")
            )


@app.command("show")
def show(
    model: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """One model's card, as JSON, whether it is here or known by name."""
    with in_words(as_json=as_json, anywhere=True), there(home=home) as client:
        if client is not None:
            typer.echo(json.dumps(client.ask("GET", f"v1/models/{model}"), indent=2))
            return
        from muscgen.models.registry import Registry
        from muscgen.rights import Rules
        from muscgen.settings import load

        settings = load(home=home)
        found = _known(model, Registry(settings.models_path, strict=False))
        typer.echo(json.dumps(_public(found, Rules(settings)), indent=2))


@app.command("accept")
def accept(
    model: Annotated[str, typer.Argument(metavar="ID", help="Installed, or known by name.")],
    license_: fetching.License = None,
    license_url: fetching.LicenseUrl = None,
    attribution: fetching.Attribution = None,
    origin: fetching.From = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept without being asked.")] = False,
    by: Annotated[str | None, typer.Option(help="Who accepts; default: whoever is logged in.")] = None,
    below_cap: Annotated[
        bool, typer.Option("--below-cap", help="Confirm to stay below the licence's revenue cap.")
    ] = False,
    whole_text: Annotated[bool, typer.Option("--text", help="Show the licence's whole text.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Accept the terms of a model for this installation; they are shown first, and kept."""
    with in_words(as_json=as_json):
        from muscgen.audit import audit_of
        from muscgen.fetching.patience import Patience
        from muscgen.fetching.places import origin_of, published
        from muscgen.fetching.terms import standing
        from muscgen.models.terms import Said
        from muscgen.rights import Acceptances, licensed
        from muscgen.rights.acceptance import digest
        from muscgen.rights.gate import text_of
        from muscgen.rights.policies import NEEDS_ACCEPTANCE
        from muscgen.settings import load

        settings = load(home=home)
        said = Said(license_, license_url, attribution)
        place = origin or origin_of(model, settings.models_from)
        manifest = partial(published, model, place, None, Patience())
        terms = licensed(standing(model, settings.models_path, said, manifest))
        typer.echo(terms.text, nl=False, err=as_json)
        if (path := text_of(terms.license)) is not None:
            typer.echo(path.read_text("utf-8") if whole_text else f"The whole text: {path}", err=as_json)
        if terms.policy == "unknown":
            raise LicenceRefused(
                f"{model} has a licence that is not known here",
                suggestion="an SPDX id and a policy in its card",
            )
        if terms.policy not in NEEDS_ACCEPTANCE:
            say({"model": model, "accepted": None}, "These terms need no acceptance.", as_json=as_json)
            return
        if not yes and not typer.confirm("Do you accept these terms?", err=as_json):
            raise LicenceRefused("not accepted", suggestion="--yes")
        name = by or person()
        whole = terms.license_sha256
        audit_of(settings).note(
            "accept",
            name,
            model=model,
            license=terms.license,
            text_sha256=digest(terms.text),
            license_sha256=whole or None,
        )
        line = Acceptances(settings.acceptances_path).add(
            model, terms.license, terms.text, person=name, below_cap=below_cap, license_sha256=whole
        )
        told = {"model": model, "accepted": line.person, "license": terms.license}
        words = f"Accepted by {line.person}; written down in {settings.acceptances_path}"
        say(told, words, as_json=as_json)


@app.command("withdraw")
def withdraw(
    model: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str | None, typer.Option(help="Who takes it back; default: whoever is logged in.")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Take back the acceptance of a model's terms: nothing new is made with it from now on."""
    with in_words(as_json=as_json):
        from muscgen.audit import audit_of
        from muscgen.rights import Acceptances
        from muscgen.settings import load

        settings, name = load(home=home), by or person()
        acceptances, audit = Acceptances(settings.acceptances_path), audit_of(settings)
        accepted = acceptances.standing(model)
        if not accepted:
            raise InvalidRequest(f"no terms of {model} are accepted here", param="model")
        for each in accepted:
            acceptances.withdraw(each, name)  # counts even where it cannot be written down
            audit.note("revoke", name, model=model, license=each.license, text_sha256=each.text_sha256)
        words = f"Taken back by {name}; written down in {settings.acceptances_path}"
        say({"model": model, "withdrawn": name}, words, as_json=as_json)


def _known(model: str, registry: Registry) -> Card | Terms:
    """Raises ModelNotFound naming the models of both kinds."""
    from muscgen.models.terms import shipped

    try:
        return registry.get(model)
    except ModelNotFound:
        if model in shipped():
            return shipped()[model]
        known = sorted({*shipped(), *(card.id for card in registry.list())})
        raise ModelNotFound(
            f"there is no model {model!r}", param="model", suggestion=f"known: {', '.join(known)}"
        ) from None


def _public(model: Card | Terms, rules: Rules) -> dict[str, Any]:
    return model.to_public() | {"rights": rules.standing(model)}


app.command("pull")(fetching.pull)
app.command("import")(bringing.bring_in)
app.command("manifest")(bringing.manifest)
app.command("verify")(fetching.verify)
app.command("remove")(fetching.remove)
app.command("load")(loading.load)
app.command("unload")(loading.unload)
