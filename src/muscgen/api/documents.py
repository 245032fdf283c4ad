"""Jobs to documents."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response

from muscgen.api.house import House
from muscgen.api.problems import describe_stored
from muscgen.api.ranges import etag, matches
from muscgen.api.schemas import (
    ArtifactLink,
    JobDocument,
    JobUrls,
    ModelUsed,
    OutputMade,
    ProblemDocument,
    Progress,
    Provenance,
    QueuePlace,
)
from muscgen.errors import ModelNotFound, QueueUnavailable
from muscgen.jobs.job import Job
from muscgen.jobs.states import State
from muscgen.models.terms import shipped


def job_url(job_id: str, root: str = "") -> str:
    """root: where the service is mounted, if not at the top."""
    return f"{root}/jobs/{job_id}"


async def document(job: Job, house: House, root: str = "") -> JobDocument:
    """The job with the time it will take and whether its model comes: one more look at the queue."""
    if job.state != State.QUEUED:
        return describe(job, house, root)
    outlook = await house.queue.outlook(job.model)
    coming = outlook.coming
    told = describe(job, house, root, eta_s=outlook.eta_s(job.position))
    if coming is None:
        return told
    progress = told.progress.model_copy(update={"stage": coming.stage})
    return told.model_copy(update={"status": "loading", "progress": progress})


def describe(job: Job, house: House, root: str = "", *, eta_s: float | None = None) -> JobDocument:
    """The job as clients see it."""
    result = job.result or {}
    url = job_url(job.id, root)
    return JobDocument(
        id=job.id,
        status=job.state,
        created_at=_time(job.created_at),
        started_at=_time_or_none(job.started_at),
        completed_at=_time_or_none(job.completed_at),
        expires_at=_time_or_none(job.expires_at),
        cancel_requested=job.cancel_requested,
        queue=QueuePlace(position=job.position, eta_seconds=None if eta_s is None else round(eta_s, 1)),
        progress=_progress(job),
        attempts=job.attempts,
        worker=job.worker,
        request=job.request.model_copy(update={"warnings": ()}),
        model=_model(job, result, house),
        resumed_from_seconds=(result or job.progress).get("resumed_from_seconds"),
        outputs=[output_made(_kept_for(job, output), job.id, root) for output in result.get("outputs", [])],
        cache=job.cache,
        warnings=list(result.get("warnings", job.request.warnings)),
        usage=result.get("usage"),
        error=ProblemDocument(**describe_stored(job.error)) if job.error else None,
        urls=JobUrls(self=url, cancel=f"{url}/cancel", events=f"{url}/events", audio=f"{url}/audio"),
    )


async def answer(job: Job, house: House, request: Request) -> Response:
    """200 with the document and its ETag, or 304 where the client has it."""
    body = (await document(job, house, request.scope.get("root_path", ""))).to_json().encode()
    tag = etag(hashlib.sha256(body).hexdigest()[:32])
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def accepted(job: Job, house: House, request: Request, headers: Mapping[str, str]) -> Response:
    """202 with the document and where to find it; 200 where the job is final already."""
    root = request.scope.get("root_path", "")
    told = await document(job, house, root)
    if told.queue.eta_seconds is not None:
        with contextlib.suppress(QueueUnavailable):
            await house.queue.promise(job.id, told.queue.eta_seconds)
    body = told.to_json()
    where = {"Location": job_url(job.id, root), "Cache-Control": "no-store"}
    return Response(body, 200 if job.terminal else 202, {**headers, **where}, "application/json")


def _kept_for(job: Job, output: Mapping[str, Any]) -> Mapping[str, Any]:
    """An output with this job's own time to live, where another job made it."""
    if job.leader is None:
        return output
    return {**output, "artifact": output["artifact"] | {"expires_at": job.expires_at}}


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)


def _time_or_none(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else _time(unix_s)


def _progress(job: Job) -> Progress:
    known = {name: job.progress[name] for name in Progress.model_fields if job.progress.get(name) is not None}
    if job.state == State.SUCCEEDED:
        # A short song is done before its last report, or any.
        usage = (job.result or {}).get("usage", {})
        steps = known.get("steps_total", usage.get("steps", 0))
        known |= {"fraction": 1.0, "eta_seconds": 0.0, "stage": "finishing"}
        known |= {"steps_done": steps, "steps_total": steps}
        known["audio_seconds_done"] = usage.get("audio_seconds", known.get("audio_seconds_done", 0.0))
    return Progress(**known)


def _model(job: Job, result: Mapping[str, Any], house: House) -> ModelUsed:
    """What made it, or what the registry says of the model that will."""
    if "model" in result:
        return ModelUsed(**{name: result["model"].get(name) or None for name in ModelUsed.model_fields})
    try:
        card = house.registry.get(job.model)
    except ModelNotFound:  # it is still to be fetched, or another replica knows it
        terms = shipped().get(job.model)
        return ModelUsed(id=job.model, license=terms.license if terms else None)
    commit = card.record.commit if card.record else None
    return ModelUsed(id=card.id, revision=card.revision, commit=commit or None, license=card.license)


def audio_url(job_id: str, output: int, root: str) -> str:
    """Where an output is to be heard, before and after it is done."""
    return f"{job_url(job_id, root)}/audio" + (f"?output={output}" if output else "")


def output_made(output: Mapping[str, Any], job_id: str, root: str) -> OutputMade:
    """An output as clients see it, in the job and in its event."""
    artifact = output["artifact"]
    url = artifact_url(artifact["id"], root)
    link = ArtifactLink(**(artifact | {"url": url}))
    return OutputMade(
        index=output["index"],
        stream_url=audio_url(job_id, output["index"], root),
        seed=output["seed"],
        artifact=link,
        analysis=output.get("analysis", {}),
        audio_sha256=output.get("audio_sha256"),
        watermark=output.get("watermark"),
        provenance=_provenance(output.get("provenance"), url),
    )


def artifact_url(artifact_id: str, root: str) -> str:
    return f"{root}/artifacts/{artifact_id}"


def _provenance(found: Mapping[str, Any] | None, url: str) -> Provenance | None:
    if found is None:
        return None
    return Provenance(
        c2pa=found["c2pa"],
        credentials_url=f"{url}/credentials" if found["c2pa"] == "sidecar" else None,
        receipt_url=f"{url}/receipt" if found["receipt"] else None,
        signer=found["signer"],
        off=found["off"],
    )
