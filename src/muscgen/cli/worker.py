"""`muscgen worker`: songs for a queue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from muscgen.cli.options import BackendOption, DeviceOption, PrecisionOption
from muscgen.cli.words import BAD_SETTINGS, in_words

EPILOG = """Examples:

muscgen worker --redis-url redis://queue:6379/0

muscgen worker --home /srv/muscgen --models muscgen-tiny
"""


def worker(
    redis_url: Annotated[
        str | None,
        typer.Option(help="The queue; default: the embedded server in the home.", show_default=False),
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Artifacts, caches, models, embedded queue.")] = None,
    models: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    slots: Annotated[
        int | None, typer.Option(help="Songs at once; default: what memory holds, up to 8.")
    ] = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    threads: Annotated[int | None, typer.Option(help="0: one a core.")] = None,
    drain: Annotated[float | None, typer.Option(help="Seconds for running songs after SIGTERM.")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Claim jobs and make songs until SIGTERM or Ctrl-C, which finishes them first; twice hands them back."""
    with in_words(BAD_SETTINGS):
        import asyncio

        from muscgen import telemetry
        from muscgen.cli.parents import die_with
        from muscgen.cli.queue_server import reached
        from muscgen.settings import load
        from muscgen.worker import serve

        settings = load(
            redis_url=redis_url,
            home=home,
            slots=slots,
            backend=backend,
            device=device,
            precision=precision,
            threads=threads,
            drain_s=drain,
            models=tuple(models) if models else None,
        )
        telemetry.configure_logging(settings.log_format)
        telemetry.configure_tracing(settings.otlp_endpoint, "muscgen-worker")
        if parent is not None:
            die_with(parent)
        with reached(settings) as url:
            asyncio.run(serve(settings, url, parent=parent))
