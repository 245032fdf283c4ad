"""`muscgen demo`: the real service, one song over HTTP, a file and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from muscgen.cli.options import AsJson, Home
from muscgen.cli.words import in_words

EPILOG = """Example:

muscgen demo "upbeat funk with slap bass and drums, 125 bpm" --seconds 10 --out out/
"""


def demo(
    prompt: Annotated[str, typer.Argument(help="What the song should be.")],
    seconds: Annotated[float, typer.Option(help="How long.")] = 10.0,
    out: Annotated[Path, typer.Option(help="Folder for the song and its picture; made if needed.")] = Path(
        "out"
    ),
    seed: Annotated[int | None, typer.Option(help="Default: drawn and printed.")] = None,
    model: Annotated[str | None, typer.Option(help="See `muscgen models list`.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Start the service, ask it for a song, check the file, draw it, stop the service."""
    with in_words(as_json=as_json):
        import tempfile

        from muscgen.cli.visit import visit
        from muscgen.settings import load

        wish = {"prompt": prompt, "duration": seconds, "seed": seed, "model": model}
        wish = {name: value for name, value in wish.items() if value is not None}
        settings = load(home=home)
        with tempfile.TemporaryDirectory(prefix="muscgen-demo-") as folder:
            visit(wish, out, Path(folder), settings, as_json=as_json)
