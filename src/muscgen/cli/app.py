"""All commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from muscgen.cli import (
    apikeys,
    audit,
    blocklist,
    consents,
    data,
    demo,
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

EPILOG = """Examples:

muscgen generate "calm solo piano, slow" -o song.wav --duration 10 --seed 7

muscgen serve --port 8000

muscgen demo "upbeat funk with slap bass" --seconds 10 --out out/
"""

app = typer.Typer(
    name="muscgen",
    help="The music generation server.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve", epilog=serve.EPILOG)(serve.serve)
app.command("worker", epilog=worker.EPILOG)(worker.worker)
app.command("generate", epilog=generate.EPILOG)(generate.generate)
app.command("verify", epilog=verify.EPILOG)(verify.verify)
app.command("demo", epilog=demo.EPILOG)(demo.demo)
app.command("mcp", epilog=mcp.EPILOG)(mcp.mcp)
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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
