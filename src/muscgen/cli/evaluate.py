"""`muscgen evaluate`: how good a model is, in figures and on a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muscgen.cli.options import BackendOption, DeviceOption, PrecisionOption
from muscgen.cli.words import in_words
from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.evaluation.baseline import Change
    from muscgen.evaluation.making import Making
    from muscgen.evaluation.report import Evaluation

WORSE = 3  # the exit code for a regression

EPILOG = """Examples:

muscgen evaluate muscgen-tiny --prompts prompts.txt --reference songs --out evaluation

muscgen evaluate ./polka --prompts prompts.txt --reference songs --baseline before.json

muscgen evaluate --generated made --prompts made/prompts.jsonl --reference songs

muscgen evaluate muscgen-tiny --prompts prompts.txt --reference songs --embedding clap=clap-music
"""


def evaluate(
    model: Annotated[str | None, typer.Argument(help="A model's id or folder.")] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Music to be held against; a prepared set is one.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A prompt a line; .jsonl or .csv say more.")
    ] = None,
    generated: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Judge these sounds; none are made.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for figures, page and songs.")] = Path("evaluation"),
    duration: Annotated[float | None, typer.Option(help="Seconds of each song; default: 10.")] = None,
    each: Annotated[int | None, typer.Option(min=1, max=8, help="Songs of each prompt; default: 1.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first song; the others follow.")] = 0,
    reference_most: Annotated[
        int, typer.Option(min=1, help="So many tracks are drawn of a larger reference.")
    ] = 1_000,
    embedding: Annotated[
        list[str] | None, typer.Option(metavar="KIND=DIR", help="clap, mert or vggish with its weights.")
    ] = None,
    clap: Annotated[Path | None, typer.Option(metavar="DIR", help="Weights of CLAP, for its score.")] = None,
    classifier: Annotated[
        Path | None, typer.Option(metavar="DIR", help="An audio classifier of transformers, for KL.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare; exit code 3 where something is worse.")
    ] = None,
    store_baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep these figures for later comparisons.")
    ] = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the installation's files.", show_default=False)
    ] = None,
) -> None:
    """Judge a model by its songs, or sounds that are there, against a reference."""
    with in_words(as_json=as_json):
        from muscgen.evaluation.run import Wish
        from muscgen.evaluation.run import evaluate as run
        from muscgen.models.registry import Registry, find
        from muscgen.settings import load

        if reference is None:
            raise InvalidRequest("--reference says what the songs are held against", param="reference")
        settings = load(home=home, backend=backend, device=device, precision=precision)
        card = find(Registry(settings.models_path, strict=False), model) if model is not None else None
        wish = Wish(
            reference=reference,
            out=out,
            prompts=prompts,
            generated=generated,
            making=_making(duration, each, seed, made_here=generated is None),
            reference_most=reference_most,
            embeddings=tuple(_pair(words) for words in embedding or ()),
            clap=clap,
            classifier=classifier,
            baseline=baseline,
            store_baseline=store_baseline,
        )
        with _telling() as tell:
            found, changes = run(wish, card, settings, tell)
        if as_json:
            _print_json(found, changes)
        else:
            _say(found, changes, out)
        if any(change.worse for change in changes):
            raise typer.Exit(WORSE)


def _making(duration: float | None, each: int | None, seed: int, *, made_here: bool) -> Making:
    from muscgen.evaluation.making import Making

    given = {"duration": duration, "each": each}
    if not made_here and (of_none := [f"--{name}" for name, value in given.items() if value is not None]):
        raise InvalidRequest(
            f"{' and '.join(of_none)} is for songs that are made, and with --generated none are",
            param="generated",
        )
    usual = Making()
    return Making(
        usual.duration_s if duration is None else duration, usual.each if each is None else each, seed
    )


def _pair(words: str) -> tuple[str, Path]:
    kind, equals, folder = words.partition("=")
    if not equals or not folder:
        raise InvalidRequest(
            f"{words!r} is no embedding", param="embedding", suggestion="clap=DIR, mert=DIR or vggish=DIR"
        )
    return kind, Path(folder).expanduser()


def _print_json(found: Evaluation, changes: Sequence[Change]) -> None:
    worse = [change.name for change in changes if change.worse]
    better = [change.name for change in changes if change.better]
    typer.echo(json.dumps(found.to_dict() | {"worse": worse, "better": better}, indent=2))


def _say(found: Evaluation, changes: Sequence[Change], out: Path) -> None:
    by_name = {change.name: change for change in changes}
    width = max(map(len, found.judgement.measures))
    for name, measure in found.judgement.measures.items():
        change = by_name.get(name)
        words = "" if change is None else f"  before {change.before:.4g}{_verdict(change)}"
        typer.echo(f"{name:{width}}  {measure.value:10.4g}  {measure.about}{words}")
    for name, change in by_name.items():
        if change.now is None:
            typer.echo(f"{name:{width}}  not measured any more, before {change.before:.4g}: worse")
    for words in found.judgement.warnings:
        typer.echo(f"  warning: {words}", err=True)
    typer.echo(f"see {out / 'index.html'}")


def _verdict(change: Change) -> str:
    return ": WORSE" if change.worse else ": better" if change.better else ""


@contextmanager
def _telling() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error for whatever is being done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    from muscgen import telemetry

    telemetry.show_warnings()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done)

        yield tell
