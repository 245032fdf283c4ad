"""What an assistant can ask of the service, and what it is told."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio

from muscgen.client import AsyncClient, AsyncJob
from muscgen.errors import InvalidRequest

LOOK_S = 0.5  # between two looks at a job
CANCEL_S = 10.0
MODEL_FIELDS = ("id", "description", "license", "attribution", "modes", "limits", "rights")

Asker = Callable[[], AbstractAsyncContextManager[AsyncClient]]
Report = Callable[[float, float, str], Awaitable[None]]


def song_uri(job_id: str, output: int) -> str:
    """The resource that a song's file is."""
    return f"muscgen://songs/{job_id}/{output}"


async def generate(ask: Asker, wish: dict[str, Any], wait_s: float, report: Report) -> dict[str, Any]:
    """Ask for a song and tell how far it is; after `wait_s` the job goes on by itself."""
    async with ask() as client:
        job = await client.submit(**wish)
        try:
            await _followed(job, wait_s, report)
        except asyncio.CancelledError:
            with anyio.move_on_after(CANCEL_S, shield=True):  # else it would be cancelled in turn
                await job.cancel()  # whoever asked no longer wants it
            raise
        if job.now.final:
            await job.wait(0)  # raises why there is no song
        return told(job)


async def _followed(job: AsyncJob, wait_s: float, report: Report) -> None:
    until = asyncio.get_running_loop().time() + wait_s
    last = -1.0
    while not job.now.final and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_S)
        await job.refresh()
        progress = job.now.progress
        if progress.fraction > last:
            last = progress.fraction
            await report(last, 1.0, job.now.waiting or progress.stage or job.status)


async def status(ask: Asker, job_id: str) -> dict[str, Any]:
    async with ask() as client:
        return told(await client.job(job_id))


async def cancel(ask: Asker, job_id: str) -> dict[str, Any]:
    async with ask() as client:
        return told(await (await client.job(job_id)).cancel())


async def models(ask: Asker) -> list[dict[str, Any]]:
    """What may be asked for, without the schemas that only programs read."""
    async with ask() as client:
        return [{name: one.get(name) for name in MODEL_FIELDS} for one in await client.models()]


async def verify(ask: Asker, content: bytes) -> dict[str, Any]:
    """Where a file comes from, by its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song"
        await asyncio.to_thread(path.write_bytes, content)
        async with ask() as client:
            return await client.verify(path)


async def song(ask: Asker, job_id: str, output: int) -> bytes:
    """The file of a finished song."""
    async with ask() as client:
        return await (await client.job(job_id)).read(output)


def told(job: AsyncJob) -> dict[str, Any]:
    """A job, as far as an assistant has a use for it."""
    now = job.now
    return {
        "job_id": now.id,
        "status": now.status,
        "queue_position": now.queue.position,
        "progress": now.progress.fraction,
        "eta_seconds": now.progress.eta_seconds if now.queue.eta_seconds is None else now.queue.eta_seconds,
        "songs": [
            {
                "resource": song_uri(now.id, output.index),
                "url": job.address(output.artifact.url),
                "seed": output.seed,
                "duration": output.artifact.duration,
                "content_type": output.artifact.content_type,
                "analysis": output.analysis,
            }
            for output in now.outputs
        ],
        "model": now.model.get("id"),
        "license": now.model.get("license"),
        "warnings": now.warnings,
        "error": (now.error or {}).get("detail"),
    }


def wish_of(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  the fields of a request
    """The request without what was left open. Raises InvalidRequest where there is nothing to make."""
    wish = {name: value for name, value in fields.items() if value is not None}
    if "prompt" not in wish and "sections" not in wish:
        raise InvalidRequest("a prompt or sections are needed", param="prompt")
    return wish
