"""`muscgen models pull`, `verify` and `remove`: models come and go."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muscgen.cli.words import FAILED, in_words

if TYPE_CHECKING:
    from rich.progress import Progress

    from muscgen.fetching.pull import Pulled, Stage

ModelId = Annotated[str, typer.Argument(metavar="ID")]
Home = Annotated[Path | None, typer.Option(help="Folder of the installation's files.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
License = Annotated[str | None, typer.Option(help="SPDX, of a model that no shipped card knows.")]
LicenseUrl = Annotated[str | None, typer.Option(help="Where its text is; default: at spdx.org.")]
Attribution = Annotated[str | None, typer.Option(help="Who is to be named; default: the model's id.")]

TENTHS = 10


def pull(
    model: ModelId,
    revision: Annotated[
        str | None,
        typer.Option(help="Branch, tag or commit; of a URL the SHA-256 of its manifest. Replaces another."),
    ] = None,
    origin: Annotated[
        str | None, typer.Option("--from", help="hub, or the URL of a folder with a manifest.")
    ] = None,
    license_: Annotated[str | None, typer.Option("--license", help="SPDX, where no card is shipped.")] = None,
    license_url: LicenseUrl = None,
    attribution: Attribution = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every step as a line of JSON.")] = False,
    home: Home = None,
) -> None:
    """Fetch a model, or go on with a fetch that was broken off; only what its licence permits here."""
    with in_words():
        from muscgen.fetching.patience import Patience
        from muscgen.fetching.pull import Wish, pull
        from muscgen.fetching.terms import terms_of
        from muscgen.rights import Rules
        from muscgen.settings import load

        settings = load(home=home)
        terms = terms_of(
            model, settings.models_path, license_, license_url=license_url, attribution=attribution
        )
        wish = Wish(terms, revision, origin)
        with _telling(as_json=as_json) as tell:
            pulled = pull(wish, settings.models_path, Rules(settings), Patience(), tell)
        _say(pulled, as_json=as_json)


def verify(
    models: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Default: all.")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Read models' files again and compare their digests. Exit code 1 where one is not as it came."""
    with in_words():
        from dataclasses import asdict

        from muscgen.fetching.keeping import verify
        from muscgen.models.registry import BUILTIN, folders_by_id
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
        if any(one.state in ("changed", "missing") for findings in found.values() for one in findings):
            raise typer.Exit(FAILED)


def remove(
    model: ModelId,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    home: Home = None,
) -> None:
    """Take a model away, and what an unfinished fetch of it left."""
    with in_words():
        from muscgen.fetching.keeping import remove
        from muscgen.fetching.patience import Patience
        from muscgen.settings import load

        if not yes:
            typer.confirm(f"Remove the files of {model}?", abort=True)
        gone = remove(model, load(home=home).models_path, Patience())
        typer.echo(f"{model} is removed: {gone / 1e6:,.1f} MB")


@contextlib.contextmanager
def _telling(*, as_json: bool) -> Iterator[Callable[[Stage], None]]:
    """A bar on a terminal, a line a tenth elsewhere, or JSON."""
    bar = _bar()
    if as_json:
        yield _json_line
    elif not bar.console.is_terminal:
        yield _Lines()
    else:
        with bar:
            task = bar.add_task("asking", total=None)
            yield lambda stage: bar.update(
                task,
                description=stage.file or stage.stage,
                completed=stage.bytes_done,
                total=stage.bytes_total or None,
            )


class _Lines:
    def __init__(self) -> None:
        self._said = ("", -1)

    def __call__(self, stage: Stage) -> None:
        done, total = stage.bytes_done, stage.bytes_total
        step = (stage.stage, TENTHS * done // (total or 1))
        if step != self._said:
            self._said = step
            size = f" {done / 1e6:,.1f} of {total / 1e6:,.1f} MB" if total else ""
            typer.echo(f"{stage.stage}{size}", err=True)


def _json_line(stage: Stage) -> None:
    from dataclasses import asdict

    typer.echo(json.dumps(asdict(stage)))


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _say(pulled: Pulled, *, as_json: bool) -> None:
    card, record = pulled.card, pulled.record
    facts: dict[str, Any] = {
        "model": card.id,
        "fresh": pulled.fresh,
        "path": str(card.path),
        "license": card.license,
        "revision": card.revision,
        "commit": record.commit if record else None,
    }
    if as_json:
        typer.echo(json.dumps({"stage": "done"} | facts))
        return
    commit = f" at {record.commit}" if record and record.commit else ""
    typer.echo(f"{card.id}{commit} {'is here now' if pulled.fresh else 'was here already'}: {card.path}")
