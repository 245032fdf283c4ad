"""`muscgen models import` and `manifest`: models of one's own, brought in and published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from muscgen.cli.fetching import Attribution, License, LicenseUrl
from muscgen.cli.options import AsJson, Home
from muscgen.cli.steps import say, telling
from muscgen.cli.words import in_words
from muscgen.cli.words import say as say_one
from muscgen.errors import InvalidRequest

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", exists=True, file_okay=False, help="In transformers' or audiocraft's layout."
    ),
]
ModelOption = Annotated[str | None, typer.Option("--id", help="Default: the card's.")]


def bring_in(
    folder: Folder,
    model: ModelOption = None,
    license_: License = None,
    license_url: LicenseUrl = None,
    attribution: Attribution = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every step as a line of JSON.")] = False,
    home: Home = None,
) -> None:
    """Copy a folder of this machine to the models, with a card; another version makes way."""
    with in_words(as_json=as_json):
        from muscgen.fetching.manifest import said_by
        from muscgen.fetching.patience import Patience
        from muscgen.fetching.pull import Wish, pull
        from muscgen.fetching.terms import terms_of
        from muscgen.models.terms import Said
        from muscgen.rights import Rules
        from muscgen.settings import load

        settings = load(home=home)
        model, said = said_by(folder, model, Said(license_, license_url, attribution))
        terms = terms_of(model, settings.models_path, said, anew=True)
        with telling(as_json=as_json) as tell:
            wish = Wish(terms, origin=folder.resolve())
            pulled = pull(wish, settings.models_path, Rules(settings), Patience(), tell)
        say(pulled, as_json=as_json)


def manifest(
    folder: Folder,
    model: ModelOption = None,
    license_: License = None,
    license_url: LicenseUrl = None,
    attribution: Attribution = None,
    as_json: AsJson = False,
) -> None:
    """Write a folder's manifest, by which it can be pulled from a bucket or a web server."""
    with in_words(as_json=as_json):
        from muscgen.fetching.manifest import manifest_of, said_by, write_manifest
        from muscgen.models.terms import Said, shipped

        model, said = said_by(folder, model, Said(license_, license_url, attribution))
        terms = said.terms(model)
        if terms is None and model not in shipped():
            raise InvalidRequest(
                f"{folder} has no card, so its licence has to be said",
                param="license",
                suggestion="--license",
            )
        found = manifest_of(folder, model, terms)
        path = write_manifest(folder, found)
        total_mb = sum(file.bytes for file in found.files) / 1e6
        words = f"{path}: {model}, {len(found.files)} files, {total_mb:,.1f} MB, revision {found.commit}"
        told = {"path": str(path), "model": model, "files": len(found.files), "revision": found.commit}
        say_one(told, words, as_json=as_json)
