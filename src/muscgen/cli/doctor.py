"""`muscgen doctor`: what works here, and what does not."""

from __future__ import annotations

import typer

from muscgen.cli.options import AsJson, Home, RedisUrl
from muscgen.cli.server import chosen
from muscgen.cli.words import FAILED, in_words

EPILOG = """Examples:

muscgen doctor

muscgen doctor --json

muscgen --server https://music.example.com doctor
"""
SIGNS = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


def doctor(
    as_json: AsJson = False,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Look at everything that songs need, here or at a service. Exit code 1 where something fails."""
    with in_words(as_json=as_json, anywhere=True):
        import json

        from muscgen.cli import examining, visiting

        server = chosen()
        if server is not None:
            checks = visiting.examined(server)
        else:
            checks = examining.examined(home=home, redis_url=redis_url)
        well = all(check.state != "failed" for check in checks)
        if as_json:
            typer.echo(json.dumps({"ok": well, "checks": [check.to_dict() for check in checks]}, indent=2))
        else:
            for check in checks:
                typer.echo(f"{SIGNS[check.state]}  {check.name:12}  {check.detail}")
                if check.suggestion:
                    typer.echo(f"{'':20}try: {check.suggestion}")
        if not well:
            raise typer.Exit(FAILED)
