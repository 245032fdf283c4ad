"""`muscgen data`: data sets prepared for training, with the rights of every track."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from muscgen.cli.options import AsJson, BackendOption, DeviceOption, Home
from muscgen.cli.words import in_words, person

if TYPE_CHECKING:
    from muscgen.data.manifest import Manifest
    from muscgen.data.run import Progress

EPILOG = """Examples:

muscgen data prepare fma ~/fma --use commercial --out prepared --codec muscgen-tiny

muscgen data prepare folder ~/songs --use noncommercial --consent consent.jsonl --out prepared

muscgen data prepare codes ~/composed --use commercial --out prepared --codec muscgen-tiny

muscgen data report prepared

muscgen data revoke prepared --consent contract-7
"""

app = typer.Typer(
    help="Prepare data sets, report their rights, take consents back.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
)
Prepared = Annotated[Path, typer.Argument(metavar="DIR", help="What `prepare` wrote.")]
DEFAULT_RATE_HZ = 32_000


@app.command("prepare", epilog=EPILOG)
def prepare(
    dataset: Annotated[
        str, typer.Argument(metavar="SET", help="maestro, fma, nsynth, audioset, folder or codes.")
    ],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Where it lies, unpacked.")],
    use: Annotated[
        Literal["commercial", "noncommercial"],
        typer.Option(help="What models made of it are for; decides which tracks are in."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the result; the same again goes on, or brings up to date.")
    ],
    codec: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Keep codes of this model's codec: an id or a folder.")
    ] = None,
    consent: Annotated[
        Path | None, typer.Option(help="Statements of owners; default: consent.jsonl in PATH.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Processes; default: one a core.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Work on this Ray cluster instead.")
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(min=8_000, max=192_000, help="Hz; default: the codec's, else 32000.")
    ] = None,
    channels: Annotated[int | None, typer.Option(min=1, max=2, help="Default: the codec's, else 1.")] = None,
    lufs: Annotated[
        float | None,
        typer.Option(min=-40, max=-5, help="Bring every track to this loudness; default: leave it."),
    ] = None,
    valid: Annotated[
        float, typer.Option(help="Share of the artists that validate, where the set has no splits.")
    ] = 0.05,
    test: Annotated[float, typer.Option(help="Share of the artists that test.")] = 0.05,
    backend: BackendOption = None,
    device: DeviceOption = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Read a data set, decide what may be learnt from, write sounds, captions, codes, shards and a ledger."""
    with in_words(as_json=as_json):
        from muscgen.cli.preparing import bar, check_heard, check_installed, codec_of, sound_of
        from muscgen.data.run import Wish
        from muscgen.data.run import prepare as run
        from muscgen.data.splits import Shares

        check_installed(dataset)
        check_heard(dataset, codec, backend=backend, device=device)
        chosen, heard = codec_of(codec, backend, device, home) if codec else (None, None)
        wish = Wish(
            dataset=dataset,
            path=path,
            use=use,
            out=out,
            sound=sound_of(heard, sample_rate, channels, lufs),
            shares=Shares(valid, test),
            codec=chosen,
            statements=consent,
            workers=workers,
            ray=ray,
        )
        with bar() as tell:
            manifest, progress = run(wish, tell)
        if as_json:
            typer.echo(json.dumps(_made(manifest, progress, out), indent=2))
        else:
            _say(manifest, progress, out)


@app.command("report", epilog=EPILOG)
def report(folder: Prepared, as_json: AsJson = False) -> None:
    """Count tracks by licence and reason, and write the table of whom to name."""
    with in_words(as_json=as_json):
        from muscgen.data.place import Place
        from muscgen.data.report import report as count
        from muscgen.data.report import write_attribution

        place = Place(folder.absolute())
        found = count(place)
        page, _ = write_attribution(place, found.manifest.text_attribution if found.manifest else "")
        if as_json:
            typer.echo(json.dumps(found.to_dict() | {"attribution": str(page)}, indent=2))
            return
        width = max(map(len, (*found.licenses, *found.reasons, "licence")))
        typer.echo(f"{'licence':{width}}  {'in':>9}  {'out':>9}")
        for name, counts in found.licenses.items():
            typer.echo(f"{name:{width}}  {counts['in']:>9,}  {counts['out']:>9,}")
        typer.echo("")
        for reason, number in found.reasons.items():
            typer.echo(f"{reason:{width}}  {number:>9,}")
            for example in found.examples.get(reason, ()):
                typer.echo(f"  {example['path']}: {example['detail']}")
        typer.echo("")
        if found.manifest is not None:
            typer.echo(f"manifest {found.manifest.sha256} for {found.manifest.use} use")
        for model in found.models:
            typer.echo(f"model {model['model']} in {model['path']}")
        typer.echo(f"attribution {page}")


@app.command("revoke", epilog=EPILOG)
def revoke(
    folder: Prepared,
    consent: Annotated[
        str | None, typer.Option(help="A consent's reference, or the id of a record of `muscgen consents`.")
    ] = None,
    track: Annotated[str | None, typer.Option(help="Or one track's id.")] = None,
    reason: Annotated[str, typer.Option(help="For whoever asks later.")] = "",
    by: Annotated[str | None, typer.Option(help="Who takes it back; default: whoever is logged in.")] = None,
    as_json: AsJson = False,
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", help="Where records of consents are kept.")
    ] = None,
    home: Home = None,
) -> None:
    """Take a consent back: its tracks leave the next manifest; models that had them are named."""
    with in_words(as_json=as_json):
        from muscgen.audit import audit_of
        from muscgen.cli.revoking import beside, noted
        from muscgen.data.place import Place
        from muscgen.data.revoking import revoke as take_back
        from muscgen.errors import InvalidRequest
        from muscgen.models.registry import Registry
        from muscgen.settings import load

        if (consent is None) == (track is None):
            raise InvalidRequest("either --consent or --track says what is taken back", param="consent")
        settings = load(redis_url=redis_url, home=home)
        who, name = by or person(), consent or track or ""
        found = take_back(
            Place(folder.absolute()),
            consent=consent or "",
            track=track or "",
            by=who,
            reason=reason,
            cards=Registry(settings.models_path).list(),
            beside=beside(settings, consent or ""),
            note=lambda found: noted(audit_of(settings), who, name, folder.absolute(), found),
        )
        if as_json:
            models = [{"model": m.model, "path": m.path, "manifest": m.manifest} for m in found.models]
            typer.echo(json.dumps({"tracks": found.tracks, "models": models, "again": found.again}, indent=2))
            return
        what = "had been taken back before" if found.again else "is taken back"
        typer.echo(f"{consent or track} {what}; tracks that leave the next manifest: {len(found.tracks)}")
        for name in found.tracks[:10]:
            typer.echo(f"  {name}")
        if len(found.tracks) > 10:
            typer.echo(f"  and {len(found.tracks) - 10} more")
        typer.echo("models that were trained on them:" if found.models else "no model is known that had them")
        for model in found.models:
            typer.echo(f"  {model.model}  {model.path}")


def _made(manifest: Manifest, progress: Progress, out: Path) -> dict[str, object]:
    return {
        "manifest": manifest.sha256,
        "out": str(out),
        "tracks": manifest.tracks,
        "seconds": round(manifest.seconds, 3),
        "license": manifest.license,
        "splits": manifest.model_dump(mode="json")["splits"],
        "shards": len(manifest.shards),
        "run": progress.to_dict(),
    }


def _say(manifest: Manifest, progress: Progress, out: Path) -> None:
    figures = progress.to_dict()
    splits = ", ".join(f"{name} {count.tracks:,}" for name, count in manifest.splits.items())
    typer.echo(
        f"{manifest.tracks:,} of {progress.listed:,} tracks are in ({splits}), "
        f"{manifest.seconds / 3600:.2f} h of sound, licence {manifest.license or 'none'}"
    )
    prepared = progress.done - progress.reused
    typer.echo(
        f"{prepared:,} prepared and {progress.reused:,} kept in {figures['took_s']:.1f} s: "
        f"{figures['tracks_per_s']:g} tracks, {figures['audio_s_per_s']:g} s of sound and "
        f"{figures['megabytes_per_s']:g} MB a second"
    )
    typer.echo(f"manifest {manifest.sha256}")
    typer.echo(f"see muscgen data report {out}")
    if not manifest.tracks:
        typer.echo("  warning: nothing is left to train on", err=True)
