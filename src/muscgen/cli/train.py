"""`muscgen finetune` and `muscgen train`: models of one's own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from muscgen.cli.training import Usual, check_installed, say, telling, usual_options
from muscgen.cli.words import in_words

EPILOG = """Examples:

muscgen finetune --data prepared --out polka --id ours/polka --steps 500

muscgen train lm --config training.toml

muscgen train codec --data prepared --out ears --learn encoder --steps 2000

muscgen generate "polka with accordion" -o polka.wav --model ./polka
"""
_CODEC_FIGURES = ("loss", "valid", "right", "valid_right", "mel", "valid_mel", "used")
_FIGURES = ("loss", "valid", "valid_shuffled", "bad_samples", "samples")

app = typer.Typer(
    help="Train models from nothing.", epilog=EPILOG, no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _root() -> None:
    pass


@usual_options
def finetune(
    usual: Usual,
    base: Annotated[str | None, typer.Option(help="A model's id or folder; default: muscgen-tiny.")] = None,
    method: Annotated[Literal["lora", "full"] | None, typer.Option(help="Default: lora.")] = None,
) -> None:
    """Train a model further on a prepared data set: a LoRA adapter, or all weights of its language model."""
    given = {"base": base, "method": method}
    _train(usual, given)


@app.command("lm", epilog=EPILOG)
@usual_options
def lm(
    usual: Usual,
    base: Annotated[str | None, typer.Option(help="Whose sizes, text encoder and codec are taken.")] = None,
) -> None:
    """Train a language model from nothing, over a base's text encoder and codec."""
    given = {"base": base, "method": "full", "from_nothing": True}
    _train(usual, given)


@app.command("codec", epilog=EPILOG)
@usual_options
def codec(
    usual: Usual,
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
) -> None:
    """Train a model's codec: its encoder on exact pairs, its decoder on sound, or all of it."""
    given = {"base": base, "learn": learn, "from_nothing": from_nothing}
    with in_words(as_json=usual.as_json):
        check_installed()
        from muscgen.models.registry import Registry, find
        from muscgen.settings import load
        from muscgen.training.codec_config import CodecTraining
        from muscgen.training.codec_loop import plan, train
        from muscgen.training.config import read_as

        settings = read_as(CodecTraining, usual.config, **usual.given, **given)
        run = plan(settings, find(Registry(load(home=usual.home).models_path, strict=False), settings.base))
        with telling(settings.steps) as tell:
            figures = train(run, tell)
        say(settings.id, settings.out, settings.steps, figures, _CODEC_FIGURES, as_json=usual.as_json)


def _train(usual: Usual, given: dict[str, Any]) -> None:
    with in_words(as_json=usual.as_json):
        check_installed()
        from muscgen.models.registry import Registry, find
        from muscgen.settings import load
        from muscgen.training.config import read
        from muscgen.training.loop import plan, train

        config = read(usual.config, **usual.given, **given)
        base = find(Registry(load(home=usual.home).models_path, strict=False), config.base)
        run = plan(config, base)
        with telling(config.steps) as tell:
            figures = train(run, tell)
        say(config.id, config.out, config.steps, figures, _FIGURES, as_json=usual.as_json)
