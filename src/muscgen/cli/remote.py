"""The way of a song through a running service: ask, follow, fetch, write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import typer

from muscgen.cli.files import write
from muscgen.cli.sounds import SoundFile
from muscgen.cli.visit import HTTP_LIMIT_S, fetched, song
from muscgen.errors import InternalError


def songs(
    wish: dict[str, Any], sound: SoundFile | None, url: str, key: str | None, paths: Sequence[Path]
) -> None:
    """Ask for all outputs in one job and write each. Raises MuscgenError, KeyboardInterrupt."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=HTTP_LIMIT_S) as client:
            job = _song(client, wish, sound)
            for output, path in zip(job["outputs"], paths, strict=True):
                write(path, fetched(client, output["artifact"]))
                typer.echo(f"{path}: seed {output['seed']}, " + ", ".join(_facts(job)))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InternalError(f"{url} did not answer as it should: {error}") from error
    for warning in job["warnings"]:
        typer.echo(f"  warning: {warning}", err=True)


def _song(client: httpx.Client, wish: dict[str, Any], sound: SoundFile | None) -> dict[str, Any]:
    if sound is None:
        return song(client, {"json": wish})
    with sound.open() as file:
        parts = {
            "request": (None, json.dumps(wish).encode(), "application/json"),
            sound.role: (sound.path.name, file, "application/octet-stream"),
        }
        return song(client, {"files": parts})


def _facts(job: dict[str, Any]) -> list[str]:
    usage = job["usage"]
    return [
        f"model {job['model']['id']}",
        f"licence {job['model']['license']}",
        f"real-time factor {usage['real_time_factor']:.2f}",
        f"first audio after {usage['time_to_first_audio']:.2f} s",
    ]
