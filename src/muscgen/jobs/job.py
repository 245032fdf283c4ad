"""What the queue hands out: frozen values, times in Unix seconds of the Redis server's clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Literal, cast

from muscgen.jobs.states import TERMINAL, State
from muscgen.request import SongRequest

Holding = Literal["loaded", "here", "absent"]
Cached = Literal["hit", "coalesced", "miss", "off"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was at one moment."""

    id: str
    model: str
    state: State
    request: SongRequest
    created_at: float
    started_at: float | None  # of the running or last attempt
    completed_at: float | None
    expires_at: float | None  # when the record goes; None until the job is final
    deadline_at: float | None
    attempts: int
    worker: str | None
    position: int | None  # 0 is next; None when not waiting, or waiting for a retry
    queue_depth: int
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_requested: bool
    tenant: str
    cache: Cached = "off"  # hit, coalesced or miss; off: work of its own
    leader: str | None = None  # the job that makes, or made, what this one gets

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    @classmethod
    def read(cls, job_id: str, kept: Mapping[str, str], position: int | None, depth: int) -> Job:
        """From the `job:` hash, also of a newer version. Raises ValidationError for a damaged one."""
        return cls(
            id=job_id,
            model=kept["model"],
            state=State(kept["state"]),
            request=SongRequest.as_far_as_known(kept["request"]),
            created_at=int(kept["created"]) / 1000,
            started_at=seconds(kept.get("started")),
            completed_at=seconds(kept.get("completed")),
            expires_at=seconds(kept.get("expires")),
            deadline_at=seconds(kept.get("deadline")),
            attempts=int(kept.get("attempts", 0)),
            worker=kept.get("worker"),
            position=position,
            queue_depth=depth,
            progress=json.loads(kept.get("progress", "{}")),
            result=json.loads(kept["result"]) if "result" in kept else None,
            error=json.loads(kept["error"]) if "error" in kept else None,
            cancel_requested="cancel" in kept,
            tenant=kept.get("tenant", ""),
            cache=cast("Cached", kept.get("cache", "off")),
            leader=kept.get("leader"),
        )


def seconds(milliseconds: str | None) -> float | None:
    return int(milliseconds) / 1000 if milliseconds else None


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The answer to `enqueue`. `created` is False when an earlier job was found instead."""

    job: Job
    created: bool

    @property
    def job_id(self) -> str:
        return self.job.id

    @property
    def position(self) -> int | None:
        """In the queue: 0 is next; None for what does not wait."""
        return self.job.position


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on a job. `token` fences: once somebody else holds the job, it opens nothing."""

    job_id: str
    token: int
    request: SongRequest
    attempt: int  # 1 for the first
    created_at: float
    claimed_at: float
    deadline_at: float | None
    worker: str
    tenant: str = ""
    trace: str = ""  # the W3C traceparent of the request
    promised_at: float | None = None  # when it should be done, as its client was told

    @property
    def model(self) -> str:
        return self.request.model

    @property
    def waited_s(self) -> float:
        return self.claimed_at - self.created_at


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of a running job.

    stop: an end, for it was cancelled or is past its deadline. sound: that of these outputs, while they are
    made.
    """

    stop: bool
    sound: frozenset[int]


class Lease(IntEnum):
    """How a lease stands after a renewal."""

    LOST = -1
    HELD = 0
    CANCEL = 1  # held, and the client wants it cancelled: stop, then confirm_cancel
    OVERDUE = 2  # held, and the deadline has passed: stop, then confirm_cancel

    @property
    def stop(self) -> bool:
        return self in (Lease.CANCEL, Lease.OVERDUE)


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is the stream's, fit for SSE and Last-Event-ID. `kind` is one of KINDS."""

    id: str
    kind: str
    payload: dict[str, Any]


WORKER_KINDS = frozenset({"progress", "audio", "warning", "output"})
KINDS = WORKER_KINDS | {"queued", "started", "completed"}


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first; `next_cursor` is None at the end."""

    jobs: list[Job]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker that was heard of within `worker_ttl_s`.

    holds: whether it has the model loaded, would load it, or would fetch it first; then it has no slots yet.
    """

    id: str
    model: str
    slots: int
    free: int
    audio_s_per_s: float | None  # measured over all its slots; None while unknown
    seen_at: float
    holds: Holding = "loaded"

    @classmethod
    def read(cls, record: bytes) -> LiveWorker:
        """From what it says; what a newer version says beyond that is left out."""
        told = json.loads(record)
        return cls(**{field.name: told[field.name] for field in fields(cls) if field.name in told})


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that used up its attempts, kept 7 days for someone to look at or revive."""

    job_id: str
    request: SongRequest
    error: dict[str, Any]
    attempts: int
    died_at: float
