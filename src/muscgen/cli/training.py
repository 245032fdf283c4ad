"""What `muscgen finetune` and `muscgen train` have in common: options, a bar, and what is said at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from importlib.util import find_spec
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from muscgen.cli.options import AsJson, Home
from muscgen.errors import ConfigurationError

_NEEDED = ("torch", "transformers", "accelerate", "peft")
ConfigFile = Annotated[Path | None, typer.Option(help="A TOML file of settings; options go before it.")]
Data = Annotated[list[Path] | None, typer.Option(help="What `muscgen data prepare` wrote; several times.")]
Out = Annotated[Path | None, typer.Option(help="Folder of the model; the same again goes on.")]
Id = Annotated[str | None, typer.Option("--id", help="Of the model that is made.")]
Steps = Annotated[int | None, typer.Option(min=1)]
Batch = Annotated[int | None, typer.Option(min=1, help="Windows at once.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate.")]
Window = Annotated[float | None, typer.Option(help="Seconds of sound in a window.")]
Seed = Annotated[int | None, typer.Option(min=0)]
Device = Annotated[Literal["auto", "cpu"] | None, typer.Option()]


@dataclass(frozen=True, slots=True)
class Usual:
    """The options of every training."""

    data: Data = None
    out: Out = None
    model_id: Id = None
    steps: Steps = None
    batch: Batch = None
    learning_rate: Rate = None
    window: Window = None
    seed: Seed = None
    device: Device = None
    config: ConfigFile = None
    as_json: AsJson = False
    home: Home = None

    @property
    def given(self) -> dict[str, Any]:
        """Under the names of the configuration."""
        return {
            "data": tuple(self.data or ()),
            "out": self.out,
            "id": self.model_id,
            "steps": self.steps,
            "optimiser__batch": self.batch,
            "optimiser__learning_rate": self.learning_rate,
            "window_s": self.window,
            "seed": self.seed,
            "device": self.device,
        }


def usual_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the usual options before its own, in place of its first parameter, `usual`."""
    names = [field.name for field in fields(Usual)]

    @wraps(command)
    def called(**options: Any) -> None:  # noqa: ANN401  (typer's)
        command(Usual(**{name: options.pop(name) for name in names}), **options)

    own = list(signature(command, eval_str=True).parameters.values())[1:]
    usual = signature(Usual, eval_str=True).parameters.values()
    every = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*usual, *own)]
    called.__signature__ = Signature(every)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in every}
    return called


def say(
    model: str, out: Path, steps: int, figures: dict[str, Any], named: tuple[str, ...], *, as_json: bool
) -> None:
    """Which figures a training came to, of those that are named."""
    found = {name: figures[name] for name in named if name in figures}
    if as_json:
        typer.echo(json.dumps({"model": model, "out": str(out), "steps": steps} | found, indent=2))
        return
    typer.echo(f"{model} lies in {out}: " + ", ".join(f"{k} {v:g}" for k, v in found.items()))
    typer.echo(f'try: muscgen generate "..." -o song.wav --model {out}')
    if found.get("bad_samples"):
        share = f"{found['bad_samples']:g} of {found['samples']:g}"
        typer.echo(f"  warning: {share} samples are bad; see {out / 'samples'}", err=True)


@contextmanager
def telling(steps: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar on standard error, after what was said of memory."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from muscgen import telemetry

    telemetry.show_warnings()
    console = Console(stderr=True)
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=steps, words="")

        def tell(line: dict[str, Any]) -> None:
            if "memory" in line:
                share = line["learning"] / line["parameters"]
                console.print(
                    f"{line['learning']:,} of {line['parameters']:,} parameters learn ({share:.1%}); "
                    f"needs about {line['memory']}",
                    highlight=False,
                )
            else:
                progress.update(task, completed=line["step"], words=f"loss {line['loss']:.3f}")

        yield tell


def check_installed() -> None:
    """Raises ConfigurationError where the extra `train` is not installed."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ConfigurationError(
            f"training needs {', '.join(missing)}", param="train", suggestion="pip install 'muscgen[train]'"
        )
