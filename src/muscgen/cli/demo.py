"""`muscgen demo`: the real service, one song over HTTP, a file and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
) -> None:
    """Start the service, ask it for a song, check the file, draw it, stop the service."""
    with in_words():
        import tempfile

        from muscgen.cli.visit import visit

        wish = {"prompt": prompt, "duration": seconds, "seed": seed, "model": model}
        with tempfile.TemporaryDirectory(prefix="muscgen-demo-") as home:
            visit({name: value for name, value in wish.items() if value is not None}, out, Path(home))
