"""`muscgen artifacts`: a service's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from muscgen.cli.options import AsJson
from muscgen.cli.server import asking
from muscgen.cli.words import in_words, say

app = typer.Typer(
    help="Files of a service (--server): get, upload, sign, remove.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="SHA-256 of the file.")]
WHY = "artifacts are a service's files"


@app.command("get")
def get(
    artifact_id: Id,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the file goes.")],
    as_json: AsJson = False,
) -> None:
    """Fetch a file, whose digest is checked."""
    with in_words(as_json=as_json, anywhere=True), asking(WHY) as client:
        from muscgen.cli.files import check_writable, write

        check_writable(output)
        content = client.read(artifact_id)
        write(output, content)
        told = {"path": str(output), "sha256": artifact_id, "bytes": len(content)}
        say(told, f"{output}: {len(content):,} bytes", as_json=as_json)


@app.command("upload")
def upload(
    file: Annotated[Path, typer.Argument(help="A sound file.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Bring a sound file, to be a melody or the beginning of a song."""
    with in_words(as_json=as_json, anywhere=True), asking(WHY) as client:
        kept = client.upload(file).model_dump(mode="json")
        say(kept, f"{kept['id']}  {kept['duration']:.1f} s", as_json=as_json)


@app.command("sign")
def sign(
    artifact_id: Id,
    expires_in: Annotated[int | None, typer.Option(min=1, help="Seconds; default: an hour.")] = None,
    as_json: AsJson = False,
) -> None:
    """An address that needs no key, until it expires."""
    with in_words(as_json=as_json, anywhere=True), asking(WHY) as client:
        wish: dict[str, Any] = {} if expires_in is None else {"expires_in": expires_in}
        link = client.ask("POST", f"artifacts/{artifact_id}/sign", body=wish)
        link["url"] = client.address(link["url"])
        say(link, link["url"], as_json=as_json)


@app.command("remove")
def remove(artifact_id: Id, as_json: AsJson = False) -> None:
    """Take an upload back."""
    with in_words(as_json=as_json, anywhere=True), asking(WHY) as client:
        client.ask("DELETE", f"artifacts/{artifact_id}")
        say({"removed": artifact_id}, f"{artifact_id} is removed", as_json=as_json)
