"""`muscgen models load` and `unload`: what a service's workers keep in memory."""

from __future__ import annotations

from typing import Literal

from muscgen.cli import at_service
from muscgen.cli.fetching import ModelId
from muscgen.cli.options import AsJson
from muscgen.cli.server import asking
from muscgen.cli.words import in_words


def load(model: ModelId, as_json: AsJson = False) -> None:
    """Have a service's workers load a model and keep it, however long nobody uses it."""
    _ask("load", model, f"{model} is loaded, and stays", as_json=as_json)


def unload(model: ModelId, as_json: AsJson = False) -> None:
    """Have a service's workers give a model's memory back once its songs have ended."""
    _ask("unload", model, f"{model} is unloaded; the next job brings it back", as_json=as_json)


def _ask(what: Literal["load", "unload"], model: str, words: str, *, as_json: bool) -> None:
    why = f"workers of a service {what} models; on this machine a model comes for its song, and goes with it"
    with in_words(as_json=as_json, anywhere=True), asking(why) as client:
        task = client.ask("POST", f"v1/models/{model}/{what}")
        at_service.ended(client, task, words, as_json=as_json)
