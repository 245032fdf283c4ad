"""Jobs as Replicate's predictions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from muscgen.api.compat.inputs import input_of
from muscgen.api.documents import artifact_url, audio_url
from muscgen.api.house import House
from muscgen.errors import ModelNotFound
from muscgen.jobs.job import Job
from muscgen.jobs.states import State

OWNER = "muscgen"  # of models whose ids name none
LINK_S = 3_600  # as long as Replicate's own
# Their client waits for succeeded, failed or canceled, and for nothing else.
_STATUSES: Mapping[State, str] = MappingProxyType(
    {
        State.QUEUED: "starting",
        State.RUNNING: "processing",
        State.SUCCEEDED: "succeeded",
        State.FAILED: "failed",
        State.CANCELLED: "canceled",
        State.EXPIRED: "failed",
    }
)
_BAR = 20


def prediction(job: Job, house: House, site: str) -> dict[str, Any]:
    """The job as Replicate's client reads it. site: what addresses begin with."""
    url = f"{site}/v1/predictions/{job.id}"
    return {
        "id": job.id,
        "model": qualified(job.model),
        "version": _version(job, house),
        "input": input_of(job.request),
        "status": _STATUSES[job.state],
        "output": _output(job, house, site),
        "logs": "".join(f"{line}\n" for line in logs(job)),
        "error": _error(job),
        "metrics": _metrics(job),
        "created_at": told_time(job.created_at),
        "started_at": told_time(job.started_at),
        "completed_at": told_time(job.completed_at),
        "source": "api",
        "data_removed": False,
        "urls": {
            "get": url,
            "cancel": f"{url}/cancel",
            "stream": f"{url}/stream",
            "web": audio_url(job.id, 0, site),
        },
    }


def qualified(model: str) -> str:
    """owner/name, which their client insists on."""
    return model if "/" in model else f"{OWNER}/{model}"


def file_url(artifact_id: str, job: Job, house: House, site: str) -> str:
    """Where the file is for whoever has the address: signed for an hour where the service asks for keys."""
    url = artifact_url(artifact_id, site)
    if not job.tenant:
        return url
    return f"{url}?{house.links.sign(artifact_id, job.tenant, int(time.time()) + LINK_S)}"


def logs(job: Job) -> list[str]:
    """What is known on the way; the last line is one that their `prediction.progress` reads."""
    lines = [f"warning: {text}" for text in (job.result or {}).get("warnings", job.request.warnings)]
    done, total = job.progress.get("steps_done"), job.progress.get("steps_total")
    return [*lines, *([progress_line(done, total)] if done and total else [])]


def progress_line(done: int, total: int) -> str:
    full = _BAR * done // total
    return f"{100 * done // total}% |{'#' * full}{'-' * (_BAR - full)}| {done}/{total}"


def _output(job: Job, house: House, site: str) -> str | list[str] | None:
    made = (job.result or {}).get("outputs", [])
    urls = [file_url(output["artifact"]["id"], job, house, site) for output in made]
    if not urls:
        return None
    return urls if job.request.n > 1 else urls[0]


def _error(job: Job) -> str | None:
    if job.error:
        return str(job.error.get("detail") or job.error.get("code"))
    return "it expired before it was made" if job.state is State.EXPIRED else None


def _metrics(job: Job) -> dict[str, float]:
    if job.completed_at is None:
        return {}
    told = {"total_time": round(job.completed_at - job.created_at, 3)}
    if job.started_at is not None:
        told["predict_time"] = round(job.completed_at - job.started_at, 3)
    return told


def _version(job: Job, house: House) -> str:
    """The SHA-256 of the weights, where they are known here."""
    made = (job.result or {}).get("model", {}).get("revision")
    if made:
        return str(made)
    try:
        return house.registry.get(job.model).revision
    except ModelNotFound:
        return job.model


def told_time(unix_s: float | None) -> str | None:
    """As Replicate writes times."""
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")
