"""`muscgen serve`: the whole service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from muscgen.cli.options import BackendOption, DeviceOption, PrecisionOption
from muscgen.cli.server import chosen_key
from muscgen.cli.words import in_words
from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.settings import Settings

EPILOG = """Examples:

muscgen serve

muscgen serve --host 0.0.0.0 --port 80 --api-key "$KEY"

muscgen serve --no-worker --redis-url redis://queue:6379/0

Every setting may also come from the environment, as MUSCGEN_<NAME>; options win.
"""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free port; default: 8000.")] = None,
    home: Annotated[Path | None, typer.Option(help="Queue, artifacts, caches, models.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Default: an embedded server in the home.")] = None,
    worker: Annotated[bool, typer.Option(help="Also make the songs, in a child process.")] = True,
    webhooks: Annotated[bool, typer.Option(help="Also call the webhooks of jobs.")] = True,
    slots: Annotated[
        int | None, typer.Option(help="Songs at once; default: what memory holds, up to 8.")
    ] = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    threads: Annotated[int | None, typer.Option(help="0: one a core.")] = None,
    models_dir: Annotated[Path | None, typer.Option(help="Default: models in the home.")] = None,
    default_model: Annotated[str | None, typer.Option(help="For requests that name none.")] = None,
    api_key: Annotated[
        list[str] | None, typer.Option(help="May be repeated; none leaves the API open.")
    ] = None,
    drain: Annotated[float | None, typer.Option(help="Seconds for running songs at the end.")] = None,
    log_format: Annotated[Literal["text", "json"] | None, typer.Option()] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM, which finishes running songs; twice hands them back."""
    with in_words():
        from muscgen.cli.parents import die_with
        from muscgen.settings import load

        if parent is not None:
            die_with(parent)
        if chosen_key() is not None:  # else a slip of the pen would leave the service open
            raise InvalidRequest(
                "MUSCGEN_API_KEY is for commands that ask a service, and serve asks none",
                param="--api-key",
                suggestion="MUSCGEN_API_KEYS, or `muscgen serve --api-key`, is what a service asks for",
            )
        settings = load(
            host=host,
            port=port,
            home=home,
            redis_url=redis_url,
            slots=slots,
            backend=backend,
            device=device,
            precision=precision,
            threads=threads,
            models_dir=models_dir,
            default_model=default_model,
            api_keys=tuple(api_key) if api_key else None,
            drain_s=drain,
            log_format=log_format,
        )
        _serve(settings, worker=worker, webhooks=webhooks)


def _serve(settings: Settings, *, worker: bool, webhooks: bool) -> None:
    import asyncio
    import contextlib
    import logging

    from muscgen import telemetry
    from muscgen.cli.listen import bind, unforeseen
    from muscgen.cli.queue_server import embedded
    from muscgen.cli.service import Service

    telemetry.configure_logging(settings.log_format)
    telemetry.configure_tracing(settings.otlp_endpoint, "muscgen-api")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(unforeseen)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(bind(settings.host, settings.port))
        server = None if settings.redis_url else stack.enter_context(embedded(settings))
        url = settings.redis_url or (server.url if server else "")

        async def run() -> None:
            await Service(settings, url, server, worker=worker, webhooks=webhooks).run(place)

        asyncio.run(run())
