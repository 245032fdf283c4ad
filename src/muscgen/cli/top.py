"""`muscgen top`: queues, workers, slots and speeds, as they are now."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muscgen.cli.words import in_words

if TYPE_CHECKING:
    from muscgen.cli.board import Look
    from muscgen.jobs import Queue

EPILOG = """Examples:

muscgen top --redis-url redis://queue:6379/0

muscgen top --once --json

`wait` counts interactive, normal and batch jobs; `speed` is seconds of music made a second.
"""


def top(
    once: Annotated[bool, typer.Option("--once", help="One look, and no more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a line a look.")] = False,
    every: Annotated[float, typer.Option(min=0.1, max=3_600.0, help="Seconds between looks.")] = 2.0,
    redis_url: Annotated[str | None, typer.Option(help="Default: the embedded server in the home.")] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the installation's files.", show_default=False)
    ] = None,
) -> None:
    """Watch the queues and their workers until Ctrl-C; asks Redis itself, so the API may be away."""
    with in_words(as_json=as_json):
        from muscgen.cli.queue_server import reached
        from muscgen.settings import load
        from muscgen.worker.main import open_queue

        settings = load(redis_url=redis_url, home=home)

        async def run(url: str) -> None:
            queue, over = open_queue(settings, url), asyncio.Event()
            try:
                with contextlib.nullcontext() if once else _until_ctrl_c(over):
                    await _watch(queue, over, once=once, every_s=every, as_json=as_json)
            finally:
                await queue.close()

        with reached(settings) as url:
            asyncio.run(run(url))


async def _watch(queue: Queue, over: asyncio.Event, *, once: bool, every_s: float, as_json: bool) -> None:
    """Raises QueueUnavailable for a first look that shows nothing; later ones wait for Redis to come back."""
    from muscgen.cli.board import look
    from muscgen.errors import QueueUnavailable

    seen = await look(queue)
    with _screen(live=not once, as_json=as_json) as show:
        show(seen, "")
        while not (once or over.is_set()):
            await asyncio.sleep(every_s)
            try:
                seen = await look(queue)
                show(seen, "")
            except QueueUnavailable:
                show(seen, "Redis does not answer; this is what it said last")


@contextlib.contextmanager
def _screen(*, live: bool, as_json: bool) -> Iterator[Callable[[Look, str], None]]:
    """What shows a look, and words about it: lines of JSON, pages one after the other, or one live page."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from muscgen.cli.board import drawn

    console = Console()

    def page(seen: Look, words: str) -> Group:
        return Group(drawn(seen), Text(words, style="bold red"))

    if as_json:
        yield lambda seen, words: typer.echo(json.dumps(seen.to_dict() | {"stale": bool(words)}))
    elif not live or not console.is_terminal:
        yield lambda seen, words: console.print(page(seen, words))
    else:
        with Live(console=console, screen=True, auto_refresh=False) as screen:
            yield lambda seen, words: screen.update(page(seen, words), refresh=True)


@contextlib.contextmanager
def _until_ctrl_c(over: asyncio.Event) -> Iterator[None]:
    """Whoever watches ends it so: what waits is cancelled, and what does not heed that is the last look."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101

    def end() -> None:
        over.set()
        task.cancel()

    loop.add_signal_handler(signal.SIGINT, end)
    try:
        yield
    except asyncio.CancelledError:
        task.uncancel()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
