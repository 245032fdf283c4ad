"""`muscgen models`: what this installation can play."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from muscgen.cli.words import in_words

app = typer.Typer(help="List and show models.", no_args_is_help=True, rich_markup_mode=None)

Home = Annotated[Path | None, typer.Option(help="Folder of the installation's files.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list")
def list_models(as_json: AsJson = False, home: Home = None) -> None:
    """Each model's id, licence, window and description."""
    with in_words():
        from muscgen.models.registry import Registry
        from muscgen.settings import load

        cards = Registry(load(home=home).models_path).list()
        if as_json:
            typer.echo(json.dumps([card.to_public() for card in cards], indent=2))
            return
        width = max(len(card.id) for card in cards)
        for card in cards:
            typer.echo(
                f"{card.id:{width}}  {card.license}  window {card.max_duration_s:g} s  {card.description}"
            )


@app.command("show")
def show(model: Annotated[str, typer.Argument(metavar="ID")], home: Home = None) -> None:
    """One model's card, as JSON."""
    with in_words():
        from muscgen.models.registry import Registry
        from muscgen.settings import load

        typer.echo(json.dumps(Registry(load(home=home).models_path).get(model).to_public(), indent=2))
