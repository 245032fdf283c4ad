"""What every vendor's door does alike: a wish through the one gate, and the song as the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from fastapi import Request, Response

from muscgen import telemetry
from muscgen.admission import Admitted, InvalidFields, Principal
from muscgen.api.audio import Listening
from muscgen.api.compat.enclosed import Tell, enclosed
from muscgen.api.connection import bound, held, while_connected
from muscgen.api.house import House
from muscgen.api.routes.audio import listen
from muscgen.errors import InvalidRequest, JobNotFinished, Rejected

PATIENCE_S = 600.0  # how long a connection waits for its song


def refuse(param: str, detail: str, suggestion: str | None = None) -> NoReturn:
    """What a vendor's client may ask for and nobody can do here. Raises InvalidRequest."""
    raise InvalidRequest(f"{param}: {detail}", param=param, suggestion=suggestion)


async def admit(
    house: House,
    asker: Principal,
    wish: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    idempotency_key: str | None = None,
    stays: bool = False,
) -> Admitted:
    """The job for a wish of POST /generate; `names` says what the caller calls our fields.

    Raises what the gate raises, about the caller's own fields.
    """
    body = json.dumps(wish).encode()
    try:
        found = await house.gate.admit(body, asker, idempotency_key=idempotency_key, stays=stays)
    except Rejected as error:
        rename(error, names)
        raise
    if found.created:
        telemetry.JOBS_SERVED.labels(found.job.model, found.job.cache).inc()
    return found


def rename(error: Rejected, names: Mapping[str, str]) -> None:
    """Make the error speak of the caller's fields."""
    ours, error.param = error.param, names.get(error.param or "", error.param)
    if ours and error.param:
        error.detail = error.detail.replace(ours, error.param, 1)
    if isinstance(error, InvalidFields):
        error.faults = tuple(
            replace(fault, param=named, detail=fault.detail.replace(fault.param or named, named, 1))
            if (named := names.get(fault.param or ""))
            else fault
            for fault in error.faults
        )


async def sing(
    house: House,
    asker: Principal,
    request: Request,
    wish: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    live: bool = False,
    tell: Tell | None = None,
) -> Response:
    """The song as the answer: its whole file, or (`live`) while it is made. The job ends with the connection.

    tell: what is told of the song in a part before it.

    Raises JobNotFinished after ten minutes, ClientDisconnect, and what the gate raises.
    """
    wish = {**wish, "delivery": {"cancel_on_disconnect": True}}
    found = await admit(house, asker, wish, names, stays=True)
    mine = found.job.id if found.created else None
    async with bound(house.queue, mine):
        if not live:
            await _ended(house, request, found.job.id)
        heard = _as_asked(wish["output"])
        if tell is None:
            answer = await listen(found.job.id, house, request, asker, heard)
        else:
            answer = await enclosed(found.job, house, request, heard, tell)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["song-id"] = found.job.id
    return held(answer, house.queue, mine)


def _as_asked(output: Mapping[str, Any]) -> Listening:
    return Listening(
        encoding=output["format"],
        rate_hz=output.get("sample_rate"),
        bitrate_kbps=output.get("bitrate_kbps"),
    )


async def _ended(house: House, request: Request, job_id: str) -> None:
    job = await while_connected(request, house.queue.wait(job_id, PATIENCE_S))
    if not job.terminal:
        raise JobNotFinished(f"job {job_id} is not done yet", suggestion=f"GET /jobs/{job_id}")
