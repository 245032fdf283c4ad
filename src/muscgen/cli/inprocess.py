"""The way of a song without a server: engine, finishing, file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from muscgen.cli.entitled import Note
from muscgen.cli.files import write_song
from muscgen.cli.made import Tell
from muscgen.engine import Handle, Made
from muscgen.errors import BadSong
from muscgen.finishing.pipeline import Finished, finish
from muscgen.models.card import Card
from muscgen.provenance.keyfolder import versions
from muscgen.provenance.papers import Papers
from muscgen.request import SongRequest
from muscgen.settings import Settings
from muscgen.worker.inputs import Heard, Open, listen
from muscgen.worker.loader import Served, load_model
from muscgen.worker.memory import slots_for
from muscgen.worker.receipts import Times, receipt_of

LOOK_S = 0.1
ATTEMPTS = 2


def songs(
    request: SongRequest,
    card: Card,
    settings: Settings,
    paths: Sequence[Path],
    tell: Tell,
    open_artifact: Open,
    note: Note,
) -> None:
    """Make all outputs in one batch and write each as it is done. Raises MuscgenError, KeyboardInterrupt.

    note: called with each file before it is written.
    """
    asked, signed_before = time.time(), bool(versions(settings.signing_path))
    served = load_model(card, settings, slots=min(request.n, slots_for(card, settings)))
    try:
        if not signed_before:
            _tell_of_key(served.papers)
        heard = listen(request, served.backend, open_artifact, for_credentials=served.papers.credentials)
        for warning in heard.warnings:
            tell.warn(warning)
        submit, times = partial(_submit, served, request, heard), Times(asked, time.time())
        handles = [submit(index, 0) for index in range(request.n)]
        with bar() as progress:
            watch(progress, handles)
            for index, (handle, path) in enumerate(zip(handles, paths, strict=True)):
                made, finished = _good(served, request, heard, submit, index, handle, progress, tell)
                receipt = receipt_of(request, served, index, finished, heard.inputs, times)
                note(finished.content)
                write_song(path, finished.content, credentials=finished.sidecar, receipt=receipt)
                progress.stop()
                tell.song(path, request.seed_of(index), facts(card, made, finished))
                for warning in finished.warnings:
                    tell.warn(warning)
    finally:
        served.close()


def _tell_of_key(papers: Papers) -> None:
    """Once, when the home's key was just made."""
    if papers.signer is not None and papers.signer.development:
        words = "songs are signed with a development key, which was made just now and nobody else trusts"
        typer.echo(f"  note: {words}: docs/trust.md", err=True)


def bar() -> Progress:
    """A bar on standard error, which leaves standard output to results; none where nobody looks."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def watch(progress: Progress, handles: Sequence[Handle]) -> None:
    """Until all songs are final, or Ctrl-C."""
    task = progress.add_task("making", total=1.0)
    while not all(handle.done for handle in handles):
        done = sum(handle.progress.steps_done for handle in handles)
        progress.update(task, completed=done / sum(handle.progress.steps_total for handle in handles))
        time.sleep(LOOK_S)
    progress.update(task, completed=1.0)


def facts(card: Card, made: Made, finished: Finished) -> dict[str, Any]:
    """What is worth knowing of a song, in the order in which it is printed."""
    return {
        "model": card.id,
        "license": card.license,
        "real_time_factor": made.audio.duration_s / max(made.compute_s, 1e-6),
        "first_audio_s": made.time_to_first_audio_s,
        "audio_sha256": finished.sound_sha256,
    }


def _submit(served: Served, request: SongRequest, heard: Heard, index: int, attempt: int) -> Handle:
    return served.engine.submit(heard.song(request, index, attempt), heard.codes)


def _good(
    served: Served,
    request: SongRequest,
    heard: Heard,
    submit: Callable[[int, int], Handle],
    index: int,
    handle: Handle,
    progress: Progress,
    tell: Tell,
) -> tuple[Made, Finished]:
    for attempt in range(ATTEMPTS):
        if attempt:
            handle = submit(index, attempt)
            watch(progress, [handle])
        made = handle.result()
        try:
            origin, seed = served.origin(request, index, heard.inputs), request.seed_of(index)
            marks = served.tags(origin, seed), served.mark(request, index), served.seal(origin)
            return made, finish(made.audio, request.output, *marks)
        except BadSong as bad:
            if attempt + 1 == ATTEMPTS:
                raise
            tell.warn(f"output {index} is made again: {bad.detail}")
    raise AssertionError("a song has at least one attempt")
