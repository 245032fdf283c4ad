"""`muscgen blocklist`: recordings that no upload may be of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from muscgen.cli.options import AsJson
from muscgen.cli.words import FAILED, in_words, say
from muscgen.errors import ConfigurationError, InvalidRequest, NotFound, UnreadableAudio

if TYPE_CHECKING:
    from muscgen.rights.recordings import Recording

app = typer.Typer(help="Recordings that no upload may be of.", no_args_is_help=True, rich_markup_mode=None)

List = Annotated[
    Path | None,
    typer.Option("--list", help="The file; default: the one of MUSCGEN_BLOCKLISTS.", show_default=False),
]
MAX_S = 3_600.0


@app.command("add")
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sound files.")],
    name: Annotated[str | None, typer.Option(help="Of one recording; default: the file's.")] = None,
    listed: List = None,
    as_json: AsJson = False,
) -> None:
    """Put recordings on a list, by their fingerprints; a running service has them with the next upload."""
    with in_words(as_json=as_json):
        from muscgen.rights.recordings import read

        if name is not None and len(files) > 1:
            raise InvalidRequest("--name is for one file", param="--name")
        path = _path(listed)
        entries, added = read(path) if path.exists() else [], []
        for file in files:
            entry = _recording(file, name or file.stem)
            entries = [each for each in entries if each.name != entry.name] + [entry]
            _write(path, entries)
            added.append(entry)
            if not as_json:
                typer.echo(f"{entry.name}: {entry.seconds:.1f} s")
        if as_json:
            typer.echo(json.dumps(_told(added), indent=2))


@app.command("list")
def list_recordings(listed: List = None, as_json: AsJson = False) -> None:
    """The recordings of a list."""
    with in_words(as_json=as_json):
        from muscgen.rights.recordings import read

        entries = read(_path(listed))
        words = "\n".join(f"{entry.name}  {entry.seconds:.1f} s" for entry in entries)
        say(_told(entries), words, as_json=as_json)


@app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...")],
    listed: List = None,
    as_json: AsJson = False,
) -> None:
    """Take recordings off a list."""
    with in_words(as_json=as_json):
        from muscgen.rights.recordings import read

        path = _path(listed)
        entries = read(path)
        for name in names:
            if name not in {entry.name for entry in entries}:
                raise NotFound(f"there is no {name!r} in {path}", param="name")
        _write(path, [entry for entry in entries if entry.name not in names])
        if as_json:
            typer.echo(json.dumps({"removed": names}, indent=2))


@app.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sound files.")],
    listed: List = None,
    as_json: AsJson = False,
) -> None:
    """Say of files whether an upload of them would be refused. Exit code 1 if one would."""
    with in_words(as_json=as_json):
        from muscgen.intake import Limits
        from muscgen.intake.fingerprint import fingerprint
        from muscgen.rights.recordings import Recordings

        recordings, found = Recordings([_path(listed)]), {}
        for path in files:
            with _opened(path) as file:
                found[str(path)] = recordings.find(fingerprint(file, Limits(max_s=MAX_S)))
            if not as_json:
                typer.echo(f"{path}: {found[str(path)] or 'not listed'}")
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        if any(found.values()):
            raise typer.Exit(FAILED)


def _told(entries: list[Recording]) -> list[dict[str, object]]:
    return [{"name": entry.name, "seconds": entry.seconds} for entry in entries]


def _recording(path: Path, name: str) -> Recording:
    from muscgen.intake import Limits, probe
    from muscgen.intake.fingerprint import fingerprint, numbers, require
    from muscgen.rights.recordings import LEAST_NUMBERS, Recording

    require()
    with _opened(path) as file:
        try:
            seconds = probe(file, Limits(max_s=MAX_S)).duration_s
            packed = fingerprint(file, Limits(max_s=MAX_S))
        except UnreadableAudio as error:
            raise UnreadableAudio(f"{path}: {error.detail}", param="FILE") from error
    if len(numbers(packed)) < LEAST_NUMBERS:
        raise InvalidRequest(f"{path}: {seconds:.1f} s are too short to be known again", param="FILE")
    return Recording(name, round(seconds, 2), packed.decode())


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", param="FILE") from error


def _write(path: Path, entries: list[Recording]) -> None:
    from muscgen.cli.files import write
    from muscgen.rights.recordings import text_of

    write(path, text_of(entries).encode())


def _path(listed: Path | None) -> Path:
    from muscgen.settings import load

    if listed is not None:
        return listed
    lists = load().blocklists
    if len(lists) != 1:
        raise ConfigurationError(
            f"MUSCGEN_BLOCKLISTS names {len(lists) or 'no'} lists", param="list", suggestion="--list FILE"
        )
    return lists[0]
