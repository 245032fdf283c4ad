"""What a worker tells operators of the jobs that it has."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from muscgen import telemetry
from muscgen.engine import Made
from muscgen.finishing.pipeline import Finished
from muscgen.jobs import Claim, State
from muscgen.provenance.marks import ENOUGH_S


def count_claim(claim: Claim) -> None:
    """A job is taken on."""
    first = claim.attempt == 1
    telemetry.ATTEMPTS.labels(claim.model, "first" if first else "again").inc()
    if first:
        telemetry.WAIT_SECONDS.labels(claim.model).observe(max(0.0, claim.waited_s))
    telemetry.event("job.claimed", job=claim.job_id, waited_s=round(claim.waited_s, 2), attempt=claim.attempt)


def job_span(claim: Claim) -> AbstractContextManager[Any]:
    """The job's stretch of the trace that its request began."""
    return telemetry.span(
        "muscgen.job",
        claim.trace,
        kind="consumer",
        attributes={
            "muscgen.job": claim.job_id,
            "muscgen.model": claim.model,
            "muscgen.attempt": claim.attempt,
        },
    )


def count_end(claim: Claim, state: State | None, audio_s: float, real_time_factor: float) -> None:
    """A job is left; state None: somebody else has it."""
    model = claim.model
    if state is not None and state is not State.QUEUED:
        telemetry.JOBS_FINISHED.labels(model, state).inc()
    if state is not State.SUCCEEDED:
        return
    telemetry.SONG_SECONDS.labels(model).inc(audio_s)
    telemetry.REAL_TIME_FACTOR.labels(model).observe(real_time_factor)
    if claim.promised_at is not None and claim.promised_at > claim.created_at:
        took_s = time.time() - claim.created_at
        telemetry.ETA_RATIO.labels(model).observe(took_s / (claim.promised_at - claim.created_at))


async def traced(claim: Claim, output: int, making: Awaitable[Made]) -> Made:
    """One song by the engine, as a span with what the engine counted."""
    with telemetry.span("muscgen.engine", attributes={"muscgen.output": output}) as span:
        made = await making
        telemetry.FIRST_AUDIO_SECONDS.labels(claim.model).observe(
            made.time_to_first_audio_s, telemetry.exemplar()
        )
        if span is not None:
            span.set_attribute("muscgen.steps", made.steps)
            span.set_attribute("muscgen.compute_s", made.compute_s)
            span.set_attribute("muscgen.first_audio_s", made.time_to_first_audio_s)
        return made


@contextmanager
def finishing(output: int) -> Iterator[Callable[[Finished], None]]:
    """A song's way to its file; to be told of the file."""
    begun = time.perf_counter()
    with telemetry.span("muscgen.finish", attributes={"muscgen.output": output}):
        yield _count_mark
        telemetry.FINISHING_SECONDS.observe(time.perf_counter() - begun, telemetry.exemplar())


def _count_mark(finished: Finished) -> None:
    mark = finished.watermark
    if mark is None:
        return
    if isinstance(mark["confidence"], float):
        telemetry.WATERMARK_CONFIDENCE.observe(mark["confidence"])
    elif finished.audio.duration_s >= ENOUGH_S:
        telemetry.WATERMARK_MISSED.inc()
