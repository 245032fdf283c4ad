"""`muscgen finetune` and `muscgen train`: models of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from muscgen.cli.options import AsJson, Home
from muscgen.cli.words import in_words
from muscgen.errors import ConfigurationError

EPILOG = """Examples:

muscgen finetune --data prepared --out polka --id ours/polka --steps 500

muscgen train lm --config training.toml

muscgen train codec --data prepared --out ears --learn encoder --steps 2000

muscgen generate "polka with accordion" -o polka.wav --model ./polka
"""
_NEEDED = ("torch", "transformers", "accelerate", "peft")
_CODEC_FIGURES = ("loss", "valid", "right", "valid_right", "mel", "valid_mel", "used")
_FIGURES = ("loss", "valid", "valid_shuffled", "bad_samples", "samples")

app = typer.Typer(
    help="Train models from nothing.", epilog=EPILOG, no_args_is_help=True, rich_markup_mode=None
)
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


@app.callback()
def _root() -> None:
    pass


def finetune(
    data: Data = None,
    out: Out = None,
    model_id: Id = None,
    base: Annotated[str | None, typer.Option(help="A model's id or folder; default: muscgen-tiny.")] = None,
    method: Annotated[Literal["lora", "full"] | None, typer.Option(help="Default: lora.")] = None,
    steps: Steps = None,
    batch: Batch = None,
    learning_rate: Rate = None,
    window: Window = None,
    seed: Seed = None,
    device: Device = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Train a model further on a prepared data set: a LoRA adapter, or all weights of its language model."""
    given = {"base": base, "method": method}
    _train(
        config,
        as_json,
        home,
        given | _given(data, out, model_id, steps, batch, learning_rate, window, seed, device),
    )


@app.command("lm", epilog=EPILOG)
def lm(
    data: Data = None,
    out: Out = None,
    model_id: Id = None,
    base: Annotated[str | None, typer.Option(help="Whose sizes, text encoder and codec are taken.")] = None,
    steps: Steps = None,
    batch: Batch = None,
    learning_rate: Rate = None,
    window: Window = None,
    seed: Seed = None,
    device: Device = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Train a language model from nothing, over a base's text encoder and codec."""
    given = {"base": base, "method": "full", "from_nothing": True}
    _train(
        config,
        as_json,
        home,
        given | _given(data, out, model_id, steps, batch, learning_rate, window, seed, device),
    )


@app.command("codec", epilog=EPILOG)
def codec(
    data: Data = None,
    out: Out = None,
    model_id: Id = None,
    base: Annotated[str | None, typer.Option(help="Whose codec learns, or whose sizes are taken.")] = None,
    learn: Annotated[
        Literal["encoder", "decoder", "all"] | None,
        typer.Option(
            help="encoder: codes from their exact sound; decoder: sound from codes; all: a new codec."
        ),
    ] = None,
    from_nothing: Annotated[
        bool | None, typer.Option("--from-nothing", help="What learns begins without the base's weights.")
    ] = None,
    steps: Steps = None,
    batch: Batch = None,
    learning_rate: Rate = None,
    window: Window = None,
    seed: Seed = None,
    device: Device = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Train a model's codec: its encoder on exact pairs, its decoder on sound, or all of it."""
    given = {"base": base, "learn": learn, "from_nothing": from_nothing}
    given |= _given(data, out, model_id, steps, batch, learning_rate, window, seed, device)
    with in_words():
        _check_installed()
        from muscgen.models.registry import Registry, find
        from muscgen.settings import load
        from muscgen.training.codec_config import CodecTraining
        from muscgen.training.codec_loop import plan, train
        from muscgen.training.config import read_as

        settings = read_as(CodecTraining, config, **given)
        run = plan(settings, find(Registry(load(home=home).models_path), settings.base))
        with _telling(settings.steps) as tell:
            figures = train(run, tell)
        _say(settings.id, settings.out, settings.steps, figures, _CODEC_FIGURES, as_json)


def _given(
    data: list[Path] | None,
    out: Path | None,
    model_id: str | None,
    steps: int | None,
    batch: int | None,
    learning_rate: float | None,
    window: float | None,
    seed: int | None,
    device: str | None,
) -> dict[str, Any]:
    """Options under the names of the configuration."""
    return {
        "data": tuple(data or ()),
        "out": out,
        "id": model_id or (out and out.absolute().name),
        "steps": steps,
        "optimiser__batch": batch,
        "optimiser__learning_rate": learning_rate,
        "window_s": window,
        "seed": seed,
        "device": device,
    }


def _train(path: Path | None, as_json: bool, home: Path | None, given: dict[str, Any]) -> None:
    with in_words(as_json=as_json):
        _check_installed()
        from muscgen.models.registry import Registry, find
        from muscgen.settings import load
        from muscgen.training.config import read
        from muscgen.training.loop import plan, train

        config = read(path, **given)
        base = find(Registry(load(home=home).models_path), config.base)
        run = plan(config, base)
        with _telling(config.steps) as tell:
            figures = train(run, tell)
        _say(config.id, config.out, config.steps, figures, _FIGURES, as_json)


def _say(
    model: str, out: Path, steps: int, figures: dict[str, Any], named: tuple[str, ...], as_json: bool
) -> None:
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
def _telling(steps: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar on standard error, after what was said of memory."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


def _check_installed() -> None:
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ConfigurationError(
            f"training needs {', '.join(missing)}", param="train", suggestion="pip install 'muscgen[train]'"
        )
