"""What the audit log says of jobs that get another one's song: once each, whatever dies on the way."""

from __future__ import annotations

import asyncio
from functools import partial

from muscgen import telemetry
from muscgen.audit import Audit
from muscgen.errors import AuditUnavailable, QueueUnavailable
from muscgen.jobs import Job, Queue
from muscgen.jobs.owed import LATE_S
from muscgen.rights.notes import note_song

LOOK_S = 10.0


async def note_shared(audit: Audit, queue: Queue, job: Job, revision: str) -> None:
    """The line of a job that the queue gave a kept song, or another one's. None of others.

    revision: of the model that it asked for. Raises AuditUnavailable; then the line is still owed.
    """
    if job.cache not in ("hit", "coalesced"):
        return
    result = job.result or {"model": {"revision": revision}, "outputs": ()}
    note = partial(
        note_song,
        audit,
        job.tenant,
        job.request,
        how=job.cache,
        job=job.id,
        made_by=job.leader,
        model=job.request.model,
        revision=result["model"]["revision"],
        artifacts=[output["artifact"]["id"] for output in result["outputs"]],
        begun_at=job.created_at,
    )
    await asyncio.to_thread(note)
    await settle(queue, job)


async def settle(queue: Queue, job: Job) -> None:
    """Nothing is owed any more. Where the queue cannot be told, whoever looks later finds the line."""
    try:
        await queue.settle_owed(job.id)
    except QueueUnavailable:
        telemetry.warning("queue.away")


async def write_owed(audit: Audit, queue: Queue, *, late_s: float = LATE_S) -> int:
    """Write what others, or this process before it died, owe to the log: how many lines.

    Raises AuditUnavailable, QueueUnavailable.
    """
    if not (log := audit.name()):
        return 0
    owed = await queue.take_owed(log, late_s=late_s)
    for line in owed:
        await note_shared(audit, queue, line.job, line.revision)
        telemetry.event("audit.owed", job=line.job.id)
    return len(owed)


async def keep_writing_owed(audit: Audit, queue: Queue) -> None:
    """Until cancelled; sits out what is away."""
    while True:
        try:
            await write_owed(audit, queue)
        except (AuditUnavailable, QueueUnavailable) as error:
            telemetry.warning("audit.owed_waits", reason=error.detail)
        await asyncio.sleep(LOOK_S)
