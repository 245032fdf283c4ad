"""`muscgen models pull`, `verify` and `remove`: models come and go."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from muscgen import telemetry
from muscgen.cli import at_service
from muscgen.cli.options import AsJson, Home
from muscgen.cli.server import there
from muscgen.cli.steps import say, telling
from muscgen.cli.words import FAILED, in_words
from muscgen.cli.words import say as say_one
from muscgen.errors import SourceMissing

ModelId = Annotated[str, typer.Argument(metavar="ID")]
License = Annotated[str | None, typer.Option("--license", help="SPDX, of a model that no card is known of.")]
LicenseUrl = Annotated[str | None, typer.Option(help="Where its text is; default: at spdx.org.")]
Attribution = Annotated[str | None, typer.Option(help="Who is to be named; default: the model's id.")]
From = Annotated[
    str | None,
    typer.Option("--from", help="hub, or the URL of a folder with a manifest; default: MUSCGEN_MODELS_FROM."),
]


def pull(
    model: ModelId,
    revision: Annotated[
        str | None,
        typer.Option(help="Branch, tag or commit; of a URL the SHA-256 of its manifest. Replaces another."),
    ] = None,
    origin: From = None,
    license_: License = None,
    license_url: LicenseUrl = None,
    attribution: Attribution = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every step as a line of JSON.")] = False,
    home: Home = None,
) -> None:
    """Fetch a model, or go on with a fetch that was broken off; only what its licence permits here."""
    with in_words(as_json=as_json, anywhere=True), there(home=home, **{"from": origin}) as client:
        if client is not None:
            asked = {"revision": revision, "license": license_, "license_url": license_url}
            asked |= {"attribution": attribution}
            body = {name: value for name, value in asked.items() if value is not None}
            task = client.ask("POST", f"v1/models/{model}/pull", body=body)
            at_service.ended(client, task, f"{model} is there now", as_json=as_json)
            return
        from muscgen.fetching.patience import Patience
        from muscgen.fetching.places import origin_of, published
        from muscgen.fetching.pull import Wish, pull
        from muscgen.fetching.terms import terms_of
        from muscgen.models.terms import Said
        from muscgen.rights import Rules
        from muscgen.settings import load

        settings = load(home=home)
        telemetry.show_warnings()
        place, patience = origin or origin_of(model, settings.models_from), Patience()
        said = Said(license_, license_url, attribution)
        manifest = partial(published, model, place, revision, patience)
        try:
            terms = terms_of(model, settings.models_path, said, manifest, anew=revision is not None)
        except SourceMissing as error:
            hub = "--from hub, if it is there: MUSCGEN_MODELS_FROM names another place"
            raise SourceMissing(error.detail, suggestion=None if origin else hub) from error
        wish = Wish(terms, revision, place)
        with telling(as_json=as_json) as tell:
            pulled = pull(wish, settings.models_path, Rules(settings), patience, tell)
        say(pulled, as_json=as_json)
        if origin is not None and wish.holds and not pulled.fresh:
            typer.echo("muscgen: --from was not asked; with --revision it is", err=True)


def verify(
    models: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Default: all.")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Read models' files again and compare their digests. Exit code 1 where one is not as it came."""
    with in_words(as_json=as_json):
        from dataclasses import asdict

        from muscgen.fetching.keeping import verify
        from muscgen.models.leftout import BUILTIN
        from muscgen.models.registry import folders_by_id
        from muscgen.settings import load

        path = load(home=home).models_path
        wanted = models or [*folders_by_id(BUILTIN), *folders_by_id(path)]
        found = {model: verify(model, path) for model in wanted}
        if as_json:
            typer.echo(
                json.dumps({model: [asdict(one) for one in all_] for model, all_ in found.items()}, indent=2)
            )
        else:
            for model, findings in found.items():
                for one in findings:
                    typer.echo(f"{model}  {one.file}  {one.state}  {one.sha256 or ''}".rstrip())
        damaged = [model for model, all_ in found.items() if any(one.wrong for one in all_)]
        for model in () if as_json else damaged:
            typer.echo(f"muscgen: {model} is not as it came", err=True)
            typer.echo(f"  try: muscgen models remove {model}, and bring it anew", err=True)
        if damaged:
            raise typer.Exit(FAILED)


def remove(
    model: ModelId,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Take a model away, and what an unfinished fetch of it left."""
    with in_words(as_json=as_json, anywhere=True), there(home=home) as client:
        from muscgen.fetching.keeping import folder_called, remove
        from muscgen.fetching.patience import Patience
        from muscgen.settings import load

        settings = load(home=home)
        if not yes:
            lies = None if client is not None else folder_called(model, settings.models_path)
            where = f", {lies}" if lies else ""
            typer.confirm(
                f"Remove the files of {model}{where}? (--yes: without asking)", abort=True, err=True
            )
        if client is not None:
            task = client.ask("DELETE", f"v1/models/{model}")
            at_service.ended(client, task, f"{model} is removed", as_json=as_json)
            return
        telemetry.show_warnings()
        gone = remove(model, settings.models_path, Patience(), settings.cache_path)
        told = {"model": model, "removed": True, "bytes": gone}
        say_one(told, f"{model} is removed: {gone / 1e6:,.1f} MB", as_json=as_json)
