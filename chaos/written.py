"""What the audit log must say once all is calm: a line of every song that somebody got, and none changed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

from chaos.askers import Book
from chaos.wishes import MODEL
from muscgen.audit.chain import lines, verify_home
from muscgen.audit.segments import key_of, segments
from muscgen.jobs import Queue
from muscgen.jobs.keys import Keys, tag
from muscgen.settings import Settings

SHARED = ("hit", "coalesced")  # lines that are owed, of songs that no worker writes down


async def until_settled(queue: Queue, patience_s: float) -> None:
    """Nothing is owed any more. An API that was killed owes for LATE_S; what then still is, is a fault of the
    queue's, for those who look."""
    owed = Keys(tag(MODEL)).base + "owed"
    until = time.monotonic() + patience_s
    while time.monotonic() < until and await queue.redis.zcard(owed):  # noqa: ASYNC110
        await asyncio.sleep(0.5)


def check_audit(home: Path, book: Book) -> None:
    """Every job that succeeded has a line, of another one's song not two, and the chain is whole."""
    settings = Settings(home=home)
    report = verify_home(settings.audit_path, settings.audit_head_path, key_of(settings.audit_key_path))
    for fault in report.faults:
        book.fault(f"audit: {fault}")
    ways = Counter(
        (line.what["job"], line.what["how"])
        for line in lines(segments(settings.audit_path))
        if line.kind == "generate"
    )
    book.counts["lines of songs"] = ways.total()
    written = {job_id for job_id, _ in ways}
    for told in book.told:
        if told.status == "succeeded" and told.job_id not in written:
            book.fault(f"{told.job_id} succeeded, and no line of the audit log says so")
    for (job_id, how), times in ways.items():
        if how in SHARED and times > 1:
            book.fault(f"{job_id} is written down {times} times as {how}")
