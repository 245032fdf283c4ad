"""`muscgen audit`: what was done here, and whether somebody changed what was written of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muscgen.cli.options import AsJson, Home
from muscgen.cli.words import FAILED, in_words
from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.audit import Line, Report
    from muscgen.audit.segments import Head
    from muscgen.settings import Settings

app = typer.Typer(
    help="Show and check the log of what was done.", no_args_is_help=True, rich_markup_mode=None
)

Expect = Annotated[
    str | None,
    typer.Option(metavar="LINE:HASH", help="A line that must be there, as `show --head` told it before."),
]


@app.command("verify")
def verify(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of a log, in their order; default: the home's own log.")
    ] = None,
    expect: Expect = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Find any line that was changed, removed, exchanged or cut off. Exit code 1 if there is one."""
    with in_words(as_json=as_json):
        from muscgen.settings import load

        report = _report(load(home=home), files or [], _head(expect))
        if as_json:
            typer.echo(json.dumps(asdict(report) | {"intact": report.intact}, indent=2))
        else:
            _say(report)
        if not report.intact:
            raise typer.Exit(FAILED)


@app.command("show")
def show(
    kind: Annotated[str | None, typer.Option(help="accept, consent, revoke, generate, …")] = None,
    who: Annotated[str | None, typer.Option(help="A tenant or a person.")] = None,
    last: Annotated[int, typer.Option(min=1, help="So many lines.")] = 50,
    head: Annotated[
        bool, typer.Option("--head", help="Only the last line's number and hash, to be kept elsewhere.")
    ] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """The last lines of the home's log."""
    with in_words(as_json=as_json):
        from collections import deque

        from muscgen.audit import KINDS
        from muscgen.audit.chain import lines
        from muscgen.audit.segments import segments
        from muscgen.settings import load

        if kind is not None and kind not in KINDS:
            raise InvalidRequest(f"there is no kind {kind!r}", param="kind", suggestion=", ".join(KINDS))
        files = segments(load(home=home).audit_path)
        wanted = (line for line in lines(files) if kind in (None, line.kind) and who in (None, line.who))
        for line in deque(lines(files) if head else wanted, maxlen=1 if head else last):
            typer.echo(f"{line.seq}:{line.hash}" if head else line.text() if as_json else _words(line))


def _report(settings: Settings, files: list[Path], expect: Head | None) -> Report:
    from muscgen.audit.chain import verify, verify_home
    from muscgen.audit.segments import key_of

    key = key_of(settings.audit_key_path)
    if files:
        return verify(files, key=key, expect=expect)
    return verify_home(settings.audit_path, settings.audit_head_path, key, expect)


def _head(words: str | None) -> Head | None:
    from muscgen.audit.segments import Head

    if words is None:
        return None
    number, _, digest = words.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise InvalidRequest(f"{words!r} is no line", param="expect", suggestion="LINE:HASH of show --head")
    return Head(int(number), digest)


def _say(report: Report) -> None:
    for fault in report.faults:
        typer.echo(fault)
    span = f"lines {report.first} to {report.last.seq}" if report.lines else "no lines"
    if not report.intact:
        typer.echo(f"{span}: NOT as it was written")
        return
    typer.echo(f"{span}: as they were written, the last with the hash {report.last.hash}")
    if not report.complete:
        typer.echo("whether there were lines before and after these, these files cannot say")
    if not report.sealed:
        typer.echo("who wrote them was not checked: the log's key is not in this home")


def _words(line: Line) -> str:
    facts = " ".join(
        f"{name}={','.join(fact) if isinstance(fact, list) else fact}" for name, fact in line.what.items()
    )
    return f"{line.seq}  {line.time[:19]}Z  {line.kind}  {line.who}  {facts}"
