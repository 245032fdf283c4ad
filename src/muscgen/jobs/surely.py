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
from muscgen.settings import Settings

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


def surety_of(settings: Settings) -> Surety:
    """As the settings want it."""
    return Surety(settings.queue_sync_replicas, settings.queue_sync_disk)


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
    for call in (("EVALSHA", digest(name)), ("EVAL", source(name))):
        with outages():
            reply = await _answered(client, key, (*call, 1, key, *arguments), surety)
        if not isinstance(reply, NoScriptError):
            return reply
    raise AssertionError("EVAL sends the script itself")


async def write(
    client: Any,  # noqa: ANN401  as above
    key: str,
    command: Sequence[Argument],
    surety: Surety,
) -> Reply:
    """The answer to a command that writes to `key`, once `surety` is met. Raises as `run_surely` does."""
    with outages():
        if not surety:
            return await client.execute_command(*command)
        return await _answered(client, key, command, surety)


async def _answered(
    client: Any,  # noqa: ANN401  as above
    key: str,
    command: Sequence[Argument],
    surety: Surety,
) -> Reply:
    """The answer, or NoScriptError. Raises other errors, and QueueUnavailable where it is not sure."""
    mark = ("SET", _mark(key), "1", "PX", MARK_MS)
    async with asyncio.timeout(REPLY_LIMIT_S + LIMIT_S):
        reply, marked, sure = await client.together(key, tuple(command), mark, surety.command())
    if isinstance(reply, NoScriptError):
        return reply
    for answer in (reply, marked, sure):
        if isinstance(answer, Exception):
            raise answer
    if not surety.met(sure):
        raise QueueUnavailable("the queue cannot be sure yet that this will be kept", retry_after_s=1.0)
    return reply


def _mark(key: str) -> str:
    """A key in the same slot, and below the same prefix."""
    before, brace, rest = key.partition("{")
    if brace:
        return f"{before}{{{rest.partition('}')[0]}}}:sure"
    return f"{key.partition(':')[0]}:{{{key}}}:sure"
