"""How a fetch goes on, in words, as a bar or for programs; and what came of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from muscgen import telemetry

if TYPE_CHECKING:
    from rich.progress import Progress

    from muscgen.fetching.pull import Pulled, Stage

TENTHS = 10


@contextlib.contextmanager
def telling(*, as_json: bool) -> Iterator[Callable[[Stage], None]]:
    """A bar on a terminal, a line a tenth elsewhere, or JSON; what is waited for as a line of the log."""
    telemetry.show_warnings()
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


def say(pulled: Pulled, *, as_json: bool) -> None:
    """What is here now, in a line."""
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
