"""The service's refusals, as the errors that they were there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import httpx

from muscgen.client.documents import JobDocument
from muscgen.errors import (
    Cancelled,
    Failed,
    InternalError,
    JobExpired,
    MuscgenError,
    Rejected,
    Unavailable,
)


def problem_of(answer: httpx.Response) -> MuscgenError:
    """The error that an answer of 400 and above tells."""
    members: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError):
        found = answer.json()
        members = found if isinstance(found, dict) else {}
    retry_after_s = _seconds(answer.headers.get("retry-after"))
    return error_of(members, answer.status_code, retry_after_s, request_id=answer.headers.get("x-request-id"))


def failure_of(job: JobDocument) -> MuscgenError | None:
    """Why a final job has no song; None where it has one."""
    if job.status == "succeeded":
        return None
    if job.error is not None:
        return error_of(job.error, int(job.error.get("status", 500)))
    if job.status == "cancelled":
        return Cancelled(f"{job.id} was cancelled")
    if job.status == "expired":
        return JobExpired(f"{job.id} expired before it was made")
    return Failed(f"{job.id} ended as {job.status}")


def error_of(
    members: Mapping[str, Any],
    status: int,
    retry_after_s: float | None = None,
    request_id: str | None = None,
) -> MuscgenError:
    """What a problem's members tell, by its code, else by its status."""
    kind = _by_code().get(str(members.get("code"))) or _by_status(status)
    detail = str(members.get("detail") or f"the service answered {status}")
    error = kind(
        detail,
        param=members.get("param"),
        suggestion=members.get("suggestion"),
        retry_after_s=retry_after_s,
    )
    if number := members.get("request_id") or request_id:
        error.add_note(f"request {number}")
    return error


@cache
def _by_code() -> dict[str, type[MuscgenError]]:
    return {kind.code: kind for kind in _below(MuscgenError) if kind.__init__ is MuscgenError.__init__}


def _below(kind: type[MuscgenError]) -> Iterator[type[MuscgenError]]:
    for child in kind.__subclasses__():
        yield from _below(child)
        yield child  # a code that is inherited belongs to whoever has it first


def _by_status(status: int) -> type[MuscgenError]:
    if status in (502, 503, 504, 507):
        return Unavailable
    return Rejected if status < 500 else InternalError


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
