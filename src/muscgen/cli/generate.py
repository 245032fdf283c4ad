"""`muscgen generate`: a song in this process, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muscgen.cli.options import BackendOption, DeviceOption, PrecisionOption
from muscgen.cli.words import in_words

if TYPE_CHECKING:
    from muscgen.cli.inprocess import Say
    from muscgen.request import SongRequest
    from muscgen.settings import Settings

EPILOG = """Examples:

muscgen generate "lofi hip hop, mellow electric piano" -o lofi.flac --duration 20

muscgen generate "sad violin, D minor" -o violin.mp3 --seed 7 --n 3 --fade-out 2

muscgen generate "techno, 130 bpm" -o long.flac --duration 90 --window 30 --stride 18

muscgen generate -o two.flac --section "12:soft piano" --section "20:full orchestra"

muscgen generate --unconditional -o anything.flac
"""


def generate(
    output: Annotated[Path, typer.Option("-o", "--output", help="wav, flac, mp3, ogg or opus by ending.")],
    prompt: Annotated[str | None, typer.Argument(help="What the song should be.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds, up to 600; default: 10.")] = None,
    window: Annotated[float | None, typer.Option(help="Seconds that the model sees at once.")] = None,
    stride: Annotated[float | None, typer.Option(help="Seconds by which the window moves on.")] = None,
    section: Annotated[list[str] | None, typer.Option(help='"SECONDS:PROMPT", several times.')] = None,
    unconditional: Annotated[bool, typer.Option("--unconditional", help="Without any prompt.")] = False,
    seed: Annotated[int | None, typer.Option(help="The same seed is the same song; default: drawn.")] = None,
    model: Annotated[str | None, typer.Option(help="See `muscgen models list`.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What it should not be.")] = None,
    n: Annotated[int, typer.Option("--n", help="Variations; variation i has seed + i.")] = 1,
    temperature: Annotated[float | None, typer.Option()] = None,
    top_k: Annotated[int | None, typer.Option()] = None,
    top_p: Annotated[float | None, typer.Option()] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the prompt; 1: off.")] = None,
    normalize: Annotated[bool, typer.Option(help="Bring the song to a loudness.")] = True,
    lufs: Annotated[float, typer.Option(help="Which loudness.")] = -14.0,
    fade_in: Annotated[float, typer.Option(help="Seconds.")] = 0.0,
    fade_out: Annotated[float, typer.Option(help="Seconds.")] = 0.0,
    bitrate: Annotated[int | None, typer.Option(help="kbit/s, for mp3, ogg and opus.")] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Hz; default: the model's own.")] = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    home: Annotated[Path | None, typer.Option(help="Folder of models and caches.")] = None,
) -> None:
    """Make a song and write it to a file. Exit code 2: asked wrongly; 1: failed; 130: Ctrl-C."""
    with in_words():
        from muscgen.cli.files import format_of
        from muscgen.cli.words import sections_of
        from muscgen.settings import load

        wish: dict[str, Any] = {
            "model": model,
            "mode": "unconditional" if unconditional else "text",
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            "sections": sections_of(section) if section else None,
            "n": n,
            "seed": seed,
            "sampling": {
                "temperature": temperature,
                "top_k": top_k,
                "top_p": top_p,
                "guidance_scale": guidance,
            },
            "output": {
                "format": format_of(output),
                "bitrate_kbps": bitrate,
                "sample_rate": sample_rate,
                "normalize": {"strategy": "loudness" if normalize else "none", "lufs": lufs},
                "fade_in": fade_in,
                "fade_out": fade_out,
            },
        }
        if duration is not None:
            wish["duration"] = duration
        if window is not None or stride is not None:
            wish["long_form"] = {"window": window, "stride": stride}
        make(wish, output, load(backend=backend, device=device, precision=precision, home=home))


def make(wish: dict[str, Any], output: Path, settings: Settings) -> None:
    """The command on values. Raises MuscgenError."""
    from pydantic import ValidationError

    from muscgen.admission import effective, refusal
    from muscgen.cli.files import check_writable, paths_of
    from muscgen.cli.inprocess import songs
    from muscgen.models.registry import Registry
    from muscgen.request import GenerateRequest

    try:
        asked = GenerateRequest.model_validate(wish)
    except ValidationError as error:
        raise refusal(error) from error
    card = Registry(settings.models_path).get(asked.model or settings.default_model)
    request = effective(asked, card)
    paths = paths_of(output, request.n)
    for path in paths:
        check_writable(path)
    songs(request, card, settings, paths, _say(request))


def _say(request: SongRequest) -> Say:
    def say(index: int, path: Path, facts: dict[str, str]) -> None:
        typer.echo(
            f"{path}: seed {request.seed_of(index)}, " + ", ".join(f"{k} {v}" for k, v in facts.items())
        )

    return say
