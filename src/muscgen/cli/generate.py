"""`muscgen generate`: a song in this process, without a server, or from a running service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from muscgen.cli.made import Tell
from muscgen.cli.options import AsJson, BackendOption, DeviceOption, Home, PrecisionOption, ServiceKey
from muscgen.cli.server import Server, server_of
from muscgen.cli.sounds import Basis, SoundFile, of_option, sound_file
from muscgen.cli.sounds import consent as rights
from muscgen.cli.words import in_words
from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.admission import Sound
    from muscgen.models.card import Card
    from muscgen.models.registry import Registry
    from muscgen.request import SongRequest
    from muscgen.rights import Rules
    from muscgen.settings import Settings

EPILOG = """Examples:

muscgen generate "lofi hip hop, mellow electric piano" -o lofi.flac --duration 20

muscgen generate "sad violin, D minor" -o violin.mp3 --seed 7 --n 3 --fade-out 2

muscgen generate "techno, 130 bpm" -o long.flac --duration 90 --window 30 --stride 18

muscgen generate -o two.flac --section "12:soft piano" --section "20:full orchestra"

muscgen generate --unconditional -o anything.flac

muscgen generate "brass band" -o band.wav --melody hum.wav --consent own --model musicgen-melody

muscgen generate -o longer.wav --continue start.mp3 --continue-end 8 --duration 20 --consent cc

muscgen --server http://127.0.0.1:8000 generate "calm solo piano" -o piano.wav
"""


def generate(
    output: Annotated[Path, typer.Option("-o", "--output", help="wav, flac, mp3, ogg or opus by ending.")],
    prompt: Annotated[str | None, typer.Argument(help="What the song should be.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds, up to 600; default: 10.")] = None,
    window: Annotated[float | None, typer.Option(help="Seconds that the model sees at once.")] = None,
    stride: Annotated[float | None, typer.Option(help="Seconds by which the window moves on.")] = None,
    section: Annotated[list[str] | None, typer.Option(help='"SECONDS:PROMPT", several times.')] = None,
    unconditional: Annotated[bool, typer.Option("--unconditional", help="Without any prompt.")] = False,
    melody: Annotated[
        Path | None,
        typer.Option(help="A sound file whose melody the song takes; with --url also an artifact's id."),
    ] = None,
    melody_start: Annotated[float | None, typer.Option(help="Where in it the melody begins.")] = None,
    melody_end: Annotated[float | None, typer.Option(help="Where in it the melody ends.")] = None,
    go_on: Annotated[
        Path | None,
        typer.Option("--continue", help="The same, to go on from; the duration counts it."),
    ] = None,
    continue_start: Annotated[float | None, typer.Option(help="Where in it the clip begins.")] = None,
    continue_end: Annotated[float | None, typer.Option(help="Where in it the song goes on.")] = None,
    without_clip: Annotated[bool, typer.Option("--without-clip", help="Only what comes after it.")] = False,
    consent: Annotated[
        Basis | None,
        typer.Option(help="By what right the sound of --melody or --continue is used."),
    ] = None,
    consent_reference: Annotated[str | None, typer.Option(help="A contract, a licence, an address.")] = None,
    consent_id: Annotated[str | None, typer.Option(help="Of a record of `muscgen consents`.")] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option(help="What of the sound is sensitive: voice, likeness.")
    ] = None,
    use: Annotated[
        Literal["research", "noncommercial", "commercial"] | None,
        typer.Option(help="What the song is for; default: what the installation is for."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed is the same song; default: drawn.")] = None,
    model: Annotated[str | None, typer.Option(help="See `muscgen models list`; or a folder.")] = None,
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
    home: Home = None,
    url: Annotated[str | None, typer.Option(help="The same as muscgen --server.")] = None,
    key: ServiceKey = None,
    as_json: AsJson = False,
) -> None:
    """Make a song and write it to a file. Exit code 2: asked wrongly; 1: failed; 130: Ctrl-C."""
    with in_words(as_json=as_json, anywhere=True):
        from muscgen.cli.files import format_of
        from muscgen.cli.words import sections_of
        from muscgen.settings import load

        sound = sound_file(
            melody,
            go_on,
            melody_at=(melody_start, melody_end),
            continue_at=(continue_start, continue_end),
            without_clip=without_clip,
        )
        wish: dict[str, Any] = {
            "model": model,
            "mode": _mode(sound, unconditional=unconditional),
            "rights": rights(consent, consent_reference, consent_id, sensitive)
            | ({"intended_use": use} if use else {}),
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
        here: dict[str, Any] = {"backend": backend, "device": device, "precision": precision, "home": home}
        tell = Tell(as_json=as_json)
        if (server := server_of(url, key)) is not None:
            _ask(wish, sound, output, server, here, tell)
        else:
            make(wish, output, load(**here), sound, tell)
        tell.end()


def make(
    wish: dict[str, Any],
    output: Path,
    settings: Settings,
    sound: SoundFile | None = None,
    tell: Tell | None = None,
) -> None:
    """The command on values. Raises MuscgenError."""
    tell = tell or Tell(as_json=False)
    from muscgen.cli.entitled import entitled
    from muscgen.cli.files import check_writable, paths_of
    from muscgen.cli.inprocess import songs
    from muscgen.models.registry import Registry, find
    from muscgen.rights import Rules

    registry = Registry(settings.models_path, strict=False)
    card = find(registry, wish["model"] or settings.default_model)
    wish = wish | {"model": card.id}
    if sound is not None:
        _check(sound, settings)
    request, heard = _effective(wish, card, registry, sound, Rules(settings), tell)
    paths = paths_of(output, request.n)
    for path in paths:
        check_writable(path)
    with entitled(request, heard, card, settings) as (covered, note):
        songs(covered, card, settings, paths, tell, lambda _: _file(sound), note)


def _effective(
    wish: dict[str, Any],
    card: Card,
    registry: Registry,
    sound: SoundFile | None,
    rules: Rules,
    tell: Tell,
) -> tuple[SongRequest, Sound | None]:
    from pydantic import ValidationError

    from muscgen.admission import Sound, effective, refusal
    from muscgen.artifacts.files import digest
    from muscgen.intake import probe
    from muscgen.request import GenerateRequest

    heard = None
    if sound is not None:
        with sound.open() as file, of_option(sound):
            wish = wish | {"conditioning": {sound.role: sound.clip | {"artifact_id": digest(file)}}}
            heard = Sound(probe(file).duration_s, ours=False)
    try:
        asked = GenerateRequest.model_validate(wish)
    except ValidationError as error:
        raise refusal(error) from error
    asked, warnings = rules.permit(asked, card, registry.list())
    for warning in warnings:
        tell.warn(warning)
    return effective(asked, card, sound=heard, models=registry.list(), warnings=warnings), heard


def _check(sound: SoundFile, settings: Settings) -> None:
    """The file as an upload would be checked. Raises UploadRefused, UnreadableAudio."""
    from muscgen.intake import Limits
    from muscgen.rights.uploads import uploads_of

    with sound.open() as file, of_option(sound):
        uploads_of(settings).check(file, Limits(max_s=settings.max_upload_s))


def _ask(
    wish: dict[str, Any],
    sound: SoundFile | None,
    output: Path,
    server: Server,
    here: dict[str, Any],
    tell: Tell,
) -> None:
    """The command through a service."""
    from muscgen.cli.files import check_writable, paths_of
    from muscgen.cli.remote import songs

    for name, value in here.items():
        if value is not None:
            raise InvalidRequest(
                f"--{name} is for songs that are made here, not at a service", param=f"--{name}"
            )
    paths = paths_of(output, wish["n"])
    for path in paths:
        check_writable(path)
    if sound is not None:
        wish = wish | {"conditioning": {sound.role: sound.clip}}
    songs(wish, sound, server, paths, tell)


def _mode(sound: SoundFile | None, *, unconditional: bool) -> str:
    if sound is None:
        return "unconditional" if unconditional else "text"
    if unconditional:
        raise InvalidRequest(f"--unconditional listens to no {sound.option}", param="--unconditional")
    return sound.mode


def _file(sound: SoundFile | None) -> BinaryIO:
    if sound is None:
        raise ValueError("a request without sound opens no file")
    return sound.open()
