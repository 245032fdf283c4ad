"""All commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from muscgen.cli import (
    apikeys,
    artifacts,
    audit,
    blocklist,
    completion,
    consents,
    data,
    demo,
    doctor,
    evaluate,
    generate,
    jobs,
    keys,
    mcp,
    models,
    serve,
    top,
    train,
    verify,
    webhooks,
    worker,
)
from muscgen.cli.server import choose

EPILOG = """Examples:

muscgen generate "calm solo piano, slow" -o song.wav --duration 10 --seed 7

muscgen serve --port 8000

muscgen demo "upbeat funk with slap bass" --seconds 10 --out out/

muscgen --server https://music.example.com generate "calm solo piano" -o piano.mp3

Exit codes: 0 done; 1 failed, or found not to be so; 2 asked wrongly; 78 a worker's settings; 130 Ctrl-C.
"""

app = typer.Typer(
    name="muscgen",
    help="The music generation server.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve", epilog=serve.EPILOG)(serve.serve)
app.command("worker", epilog=worker.EPILOG)(worker.worker)
app.command("generate", epilog=generate.EPILOG)(generate.generate)
app.command("verify", epilog=verify.EPILOG)(verify.verify)
app.command("demo", epilog=demo.EPILOG)(demo.demo)
app.command("mcp", epilog=mcp.EPILOG)(mcp.mcp)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor)
app.command("completion", epilog=completion.EPILOG)(completion.completion)
app.add_typer(artifacts.app, name="artifacts")
app.add_typer(models.app, name="models")
app.add_typer(apikeys.app, name="apikeys")
app.add_typer(keys.app, name="keys")
app.command("finetune", epilog=train.EPILOG)(train.finetune)
app.add_typer(train.app, name="train")
app.command("evaluate", epilog=evaluate.EPILOG)(evaluate.evaluate)
app.add_typer(data.app, name="data")
app.add_typer(jobs.app, name="jobs")
app.add_typer(jobs.queue_app, name="queue")
app.command("top", epilog=top.EPILOG)(top.top)
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(consents.app, name="consents")
app.add_typer(blocklist.app, name="blocklist")
app.add_typer(audit.app, name="audit")


def _version(wanted: bool) -> None:
    if wanted:
        from muscgen import __version__

        typer.echo(f"muscgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="MUSCGEN_SERVER",
            help="Ask this service instead of working on this machine; `here` is this machine.",
        ),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(metavar="KEY", envvar="MUSCGEN_API_KEY", help="The service's API key.")
    ] = None,
    version: Annotated[  # noqa: ARG001  its callback has answered
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    choose(server, api_key)
