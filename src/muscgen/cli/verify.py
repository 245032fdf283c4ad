"""`muscgen verify`: where does this file come from?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muscgen.cli.files import CREDENTIALS, RECEIPT, beside
from muscgen.cli.options import AsJson, Home, ServiceKey
from muscgen.cli.server import server_of
from muscgen.cli.words import FAILED, in_words, person, say
from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.settings import Settings

EPILOG = """Examples:

muscgen verify song.wav

muscgen verify song.ogg --credentials song.ogg.c2pa --receipt receipt.json

muscgen --server https://music.example --api-key "$KEY" verify found.mp3
"""
OURS = ("genuine", "made_here")


def verify(
    file: Annotated[Path, typer.Argument(help="A sound file.")],
    receipt: Annotated[
        Path | None,
        typer.Option(help="A receipt to compare it with; default: FILE.receipt.json, if it is there."),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(help="A C2PA manifest that is not in the file; default: FILE.c2pa, if it is there."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="The same as muscgen --server.")] = None,
    key: ServiceKey = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Look at a file's watermark, credentials and receipt. Exit code 0: made here; 1: not shown to be."""
    with in_words(as_json=as_json, anywhere=True):
        receipt = receipt or _beside(file, RECEIPT)
        sidecar = credentials or _beside(file, CREDENTIALS)
        if (server := server_of(url, key)) is not None:
            if home is not None:
                raise InvalidRequest("--home is for checks that are made here", param="--home")
            with server.client() as client:
                found = client.verify(file, receipt=receipt, credentials=sidecar)
        else:
            from muscgen.settings import load

            found = _here(file, receipt, sidecar, load(home=home))
        say(found, _in_words(file, found), as_json=as_json)
        if found["verdict"] not in OURS:
            raise typer.Exit(FAILED)


def _beside(file: Path, ending: str) -> Path | None:
    path = beside(file, ending)
    return path if path.is_file() else None


def _here(file: Path, receipt: Path | None, sidecar: Path | None, settings: Settings) -> dict[str, Any]:
    from muscgen.artifacts import companions, open_store
    from muscgen.audit import audit_of
    from muscgen.errors import ArtifactNotFound
    from muscgen.intake import Limits, credentials_of
    from muscgen.verification import known_of, look, report

    known, limits = known_of(settings), Limits(max_s=settings.max_upload_s)
    with file.open("rb") as opened:
        seen = look(opened, known, limits)

        def kept(name: str, given: Path | None) -> bytes | None:
            if given is not None:
                return given.read_bytes()
            try:
                return open_store(settings).attachment(seen.sha256, name)
            except ArtifactNotFound:
                return None

        manifest = kept(companions.CREDENTIALS, sidecar)
        found = credentials_of(opened, [known.own, known.others], sidecar=manifest, limits=limits)
    proof = kept(companions.RECEIPT, receipt)
    made = report(seen, known, found, proof, beside=manifest is not None, given=receipt is not None)
    audit_of(settings).note("verify", person(), sha256=seen.sha256, verdict=made.verdict)
    return made.to_dict()


def _in_words(file: Path, found: dict[str, Any]) -> str:
    lines = [f"{file}: {found['verdict'].replace('_', ' ')}", f"  {found['detail']}"]
    lines += [f"  {check['name']:12} {check['result']:12} {check['detail']}" for check in found["checks"]]
    return "\n".join(lines)
