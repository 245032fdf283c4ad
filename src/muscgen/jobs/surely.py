"""Answers that wait until replicas, or the disk, have what they tell of.

Redis answers before its replicas have heard, and up to a second before the disk has: a fail-over or a power
cut may take back what a client was told. WAIT and WAITAOF count what the connection wrote, so they go with
the script in one pipeline, after a write of their own: a script that found all done already wrote nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoScriptError

from muscgen.errors import QueueUnavailable
from muscgen.jobs.connect import outages
from muscgen.jobs.patience import REPLY_LIMIT_S
from muscgen.jobs.scripts import Argument, Reply, digest, source

LIMIT_S = 2.0  # everysec is done within one as a rule
MARK_MS = 60_000
TOLD = frozenset(
    {"enqueue", "cancel", "delete", "finish", "fail", "confirm_cancel"}
)  # whose answers are shown


@dataclass(frozen=True, slots=True)
class Surety:
    """replicas: how many must have it. disk: the server's own disk, and with `replicas` theirs, must too."""

    replicas: int = 0
    disk: bool = False

    def __bool__(self) -> bool:
        return self.disk or self.replicas > 0

    def command(self) -> tuple[str | int, ...]:
        limit_ms = round(LIMIT_S * 1000)
        return ("WAITAOF", 1, self.replicas, limit_ms) if self.disk else ("WAIT", self.replicas, limit_ms)

    def met(self, answer: Reply) -> bool:
        if self.disk:
            return bool(answer[0] >= 1 and answer[1] >= self.replicas)
        return bool(answer >= self.replicas)


NOTHING = Surety()


async def run_surely(
    client: Any,  # noqa: ANN401  Client, which tests may wrap
    name: str,
    key: str,
    arguments: Sequence[Argument],
    surety: Surety,
) -> Reply:
    """The script's answer, once `surety` is met. Raises QueueUnavailable when it is not in time.

    What the script did stays done then: doing it again under the same id or idempotency key finds it.
    """
    mark = ("SET", f"{key.removesuffix(':q')}:sure", "1", "PX", MARK_MS)
    for call in (("EVALSHA", digest(name)), ("EVAL", source(name))):
        with outages():
            async with asyncio.timeout(REPLY_LIMIT_S + LIMIT_S):
                reply, marked, sure = await client.together(
                    key, (*call, 1, key, *arguments), mark, surety.command()
                )
            if isinstance(reply, NoScriptError):
                continue
            for answer in (reply, marked, sure):
                if isinstance(answer, Exception):
                    raise answer
        if not surety.met(sure):
            raise QueueUnavailable("the queue cannot be sure yet that this will be kept", retry_after_s=1.0)
        return reply
    raise AssertionError("EVAL sends the script itself")
