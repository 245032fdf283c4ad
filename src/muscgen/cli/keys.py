"""`muscgen keys`: what signs and marks the songs of this installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from muscgen.cli.options import AsJson, Home
from muscgen.cli.words import in_words, person, say
from muscgen.errors import ConfigurationError

if TYPE_CHECKING:
    from muscgen.settings import Settings

app = typer.Typer(
    help="Create, rotate and show the keys that sign and mark songs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

What = Annotated[Literal["signing", "watermark"], typer.Argument(help="signing or watermark.")]
_OFF = {"state": "off"}
_NONE_YET = {"state": "none yet: the first song, or `muscgen keys create`, makes one"}


@app.command("create")
def create(
    what: What,
    organization: Annotated[
        str | None,
        typer.Option(help="Whose name the signing certificate bears; default: that of a development key."),
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Make the first key; services and workers do so by themselves where there is none."""
    with in_words(as_json=as_json):
        settings = _settings(what, home)
        _refuse_second(_path(what, settings), organization)
        if what == "signing":
            from muscgen.provenance.certificates import DEVELOPMENT
            from muscgen.provenance.keyfolder import create as make

            make(settings.signing_path, DEVELOPMENT if organization is None else _name(organization))
        else:
            from muscgen.provenance.marks import marks_of

            _refuse_name(organization)
            marks_of((), settings.watermark_path)
        path = _path(what, settings)
        told = {"key": what, "version": 1, "path": str(path)}
        say(told, f"the {what} key 1 is made, in {path}", as_json=as_json)


@app.command("rotate")
def rotate(
    what: What,
    organization: Annotated[
        str | None, typer.Option(help="Whose name the signing certificate bears; default: as before.")
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Make the next key, which is used from the next start on; what earlier ones made stays checkable."""
    with in_words(as_json=as_json):
        from muscgen.audit import audit_of
        from muscgen.provenance import keyfolder, marks

        settings = _settings(what, home)
        audit = audit_of(settings)
        audit.check()  # what cannot be written down is not done
        if what == "signing":
            name = None if organization is None else _name(organization)
            version = keyfolder.rotate(settings.signing_path, name)
        else:
            _refuse_name(organization)
            version = marks.rotate(settings.watermark_path)
        audit.note("rotate", person(), key=what, version=version)
        words = f"the {what} key {version} is made; workers and services use it when they start again"
        say({"key": what, "version": version}, words, as_json=as_json)


@app.command("show")
def show(
    as_json: AsJson = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Only the certificates that others trust our songs by, in PEM.")
    ] = False,
    home: Home = None,
) -> None:
    """The keys, without their secrets."""
    with in_words(as_json=as_json):
        from muscgen.provenance.trust import own_trust
        from muscgen.settings import load

        settings = load(home=home)
        if trust:
            own = own_trust(settings)
            anchors = own.authorities + own.signers
            typer.echo(json.dumps({"trust": anchors}, indent=2) if as_json else anchors, nl=as_json)
            return
        found = {"signing": _signing(settings), "watermark": _watermark(settings)}
        if as_json:
            typer.echo(json.dumps(found, indent=2))
            return
        for what, fields in found.items():
            typer.echo(what)
            for name, value in fields.items():
                typer.echo(f"  {name:13}  {value}")


def _signing(settings: Settings) -> dict[str, Any]:
    from muscgen.provenance.keyfolder import versions
    from muscgen.provenance.signing import signer_of

    if not settings.credentials and not settings.receipts:
        return _OFF
    if not settings.signing_certificates and not versions(settings.signing_path):
        return _NONE_YET
    chain = signer_of(settings).chain
    return {
        "organization": chain.organization,
        "common_name": chain.common_name,
        "development": chain.development,
        "fingerprint": chain.fingerprint,
        "valid_until": chain.leaf.not_valid_after_utc.isoformat(timespec="seconds"),
        "versions": None if settings.signing_certificates else versions(settings.signing_path),
    }


def _watermark(settings: Settings) -> dict[str, Any]:
    from muscgen.provenance.marks import marks_by

    if not settings.watermark:
        return _OFF
    if not settings.watermark_keys and not settings.watermark_path.exists():
        return _NONE_YET
    marks = marks_by(settings)
    return {"method": marks.method, "deployment": marks.deployment, "versions": sorted(marks.secrets)}


def _settings(what: str, home: Path | None) -> Settings:
    """Raises ConfigurationError where the settings give the keys: ours would not be used."""
    from muscgen.settings import load

    settings = load(home=home)
    given = settings.signing_certificates if what == "signing" else settings.watermark_keys
    if given:
        name = "MUSCGEN_SIGNING_CERTIFICATES" if what == "signing" else "MUSCGEN_WATERMARK_KEYS"
        raise ConfigurationError(f"{name} gives the keys; they are made and replaced where it comes from")
    return settings


def _path(what: str, settings: Settings) -> Path:
    return settings.signing_path if what == "signing" else settings.watermark_path


def _refuse_second(path: Path, organization: str | None) -> None:
    if path.exists():
        more = "" if organization is None else f" --organization {organization!r}"
        raise ConfigurationError(
            f"{path} is there already", suggestion=f"muscgen keys rotate {path.name}{more}"
        )


def _refuse_name(organization: str | None) -> None:
    if organization is not None:
        raise ConfigurationError("a watermark names no organization", param="organization")


def _name(organization: str) -> str:
    """Raises ConfigurationError for what no certificate can bear."""
    name = " ".join(organization.split())
    if not 1 <= len(name) <= 64 or not name.isprintable():  # X.520's bound
        raise ConfigurationError("an organization has 1 to 64 characters", param="organization")
    return name
