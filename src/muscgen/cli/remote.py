"""The way of a song through a running service: ask, follow, fetch, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from muscgen.cli.files import write_song
from muscgen.cli.inprocess import bar
from muscgen.cli.made import Tell
from muscgen.cli.server import Server
from muscgen.cli.sounds import SoundFile, of_option
from muscgen.client import Client, Job, Output

LOOK_S = 1  # between two looks at the queue


def songs(
    wish: dict[str, Any], sound: SoundFile | None, server: Server, paths: Sequence[Path], tell: Tell
) -> None:
    """Ask for all outputs in one job and write each. Raises MuscgenError, KeyboardInterrupt."""
    with server.client() as client:
        if sound is not None:
            clip = sound.clip | {"artifact_id": _kept(sound, client)}
            wish = wish | {"conditioning": {sound.role: clip}}
        job = followed(client.submit(**wish))
        tell.job = job.id
        for output, path in zip(job.outputs, paths, strict=True):
            save(job, path, output.index)
            tell.song(path, output.seed, _facts(job, output))
    for warning in job.now.warnings:
        tell.warn(str(warning))


def save(job: Job, path: Path, output: int = 0) -> bytes:
    """The song, in the format that it was asked for in, with what belongs beside it. Its bytes."""
    content = job.read(output)
    write_song(path, content, credentials=job.credentials(output), receipt=job.receipt(output))
    return content


def _kept(sound: SoundFile, client: Client) -> str:
    """The sound's id at the service, which keeps it already or is brought it."""
    if sound.artifact_id is not None:
        return sound.artifact_id
    sound.open().close()
    with of_option(sound):
        return client.upload(sound.path).id


def followed(job: Job, *, cancels: bool = True) -> Job:
    """The job once it has its songs, with a bar meanwhile. cancels: whether Ctrl-C cancels it."""
    try:
        with bar() as progress:
            task = progress.add_task("queued", total=1.0)
            while not progress.disable and (place := job.now.waiting):
                progress.update(task, description=place)
                job.refresh(hold_s=LOOK_S)
            for event in job.events():
                if event.kind == "progress":
                    told = event.payload
                    progress.update(task, description=told["stage"], completed=told["fraction"])
                elif event.kind == "started":
                    progress.update(task, description=event.kind)
            progress.update(task, completed=1.0)
    except KeyboardInterrupt:
        if cancels:
            job.cancel()
        raise
    return job.wait()


def _facts(job: Job, output: Output) -> dict[str, Any]:
    usage = job.now.usage or {}
    return {
        "model": job.now.model["id"],
        "license": job.now.model["license"],
        "real_time_factor": usage["real_time_factor"],
        "first_audio_s": usage["time_to_first_audio"],
        "audio_sha256": output.audio_sha256,
    }
