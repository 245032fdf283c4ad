"""What a job puts into the store: patiently, if that is away or full; given up, if nobody will see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from muscgen import telemetry
from muscgen.artifacts import Artifact, Store
from muscgen.artifacts.companions import CREDENTIALS, RECEIPT
from muscgen.errors import Cancelled, JobExpired, JobNotFound, QueueUnavailable, StoreUnavailable
from muscgen.finishing.pipeline import Finished
from muscgen.jobs import TERMINAL, Claim, Queue, State
from muscgen.jobs.job import Job
from muscgen.jobs.traces import Traces, mark_trace, sound_trace

PATIENCE_S = 120.0  # a restart of the store, or an operator who makes room; then the job is tried again
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
LOOK_S = 0.1  # how soon a stop is noticed
TRACED_S = 7 * 86_400.0  # where a file has no end
WITHOUT_SONG = TERMINAL - {State.SUCCEEDED}

Tell = Callable[[str, dict[str, Any]], Awaitable[None]]  # kind and payload of an event


class Keeping:
    """The files of one attempt at a job. stopped: whether the job is to end without its song."""

    def __init__(
        self, claim: Claim, store: Store, queue: Queue, stopped: Callable[[], bool], tell: Tell
    ) -> None:
        self._kept: dict[str, bool] = {}  # artifact id: whether only this attempt can have put it
        self._claim = claim
        self._store = store
        self._queue = queue
        self._traces = Traces(queue.redis, queue.prefix)
        self._stopped = stopped
        self._tell = tell

    @property
    def kept(self) -> list[str]:
        """The ids of the artifacts, in the order of their coming."""
        return list(self._kept)

    async def keep(self, output: int, finished: Finished, receipt: bytes | None) -> Artifact:
        """Put the file and what goes with it; where the store is away, again and again for PATIENCE_S.

        Raises StoreUnavailable when patience ends, Cancelled when the job is stopped meanwhile.
        """
        put = partial(self._put, finished, receipt)
        until, pause_s = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            try:
                artifact = await asyncio.to_thread(put)
                await self._leave_traces(finished, artifact)
                return artifact
            except StoreUnavailable as error:
                if time.monotonic() + pause_s > until:
                    raise
                if pause_s == FIRST_PAUSE_S:
                    await self._tell(
                        "warning", {"output": output, "detail": f"{error.detail}; it is awaited"}
                    )
            telemetry.warning("job.store_awaited", job=self._claim.job_id, pause_s=pause_s)
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def let_go(self, state: State | None) -> None:
        """Give up what the job will never show. state: as it was left; None where the lease was lost.

        Signed files are each one of a kind: those of an attempt that is not the one that finished are
        nobody's. But without credentials equal songs are equal files: while the job may live on elsewhere,
        its next worker may already have put the same artifact for the same owner, so that stays. What is
        missed here, since the worker died or the queue or the store is away, the sweep of the store finds.
        """
        if not self._kept or state is State.SUCCEEDED:
            return
        try:
            shown = shown_by(await self._queue.get(self._claim.job_id))
        except (JobNotFound, JobExpired):
            shown = frozenset()
        except QueueUnavailable:
            return
        for artifact_id, ours_alone in self._kept.items():
            if artifact_id not in shown if shown is not None else ours_alone:
                try:
                    await asyncio.to_thread(self._store.release, artifact_id, self._claim.job_id)
                except StoreUnavailable:
                    telemetry.warning("job.release_missed", job=self._claim.job_id)
                    return

    async def _leave_traces(self, finished: Finished, artifact: Artifact) -> None:
        """By which the receipt is found for a file that was cut, or encoded anew."""
        traces = [sound_trace(finished.sound_sha256)]
        if finished.watermark is not None:
            traces.append(mark_trace(str(finished.watermark["payload"])))
        try:
            await self._traces.note(traces, artifact.id, artifact.expires_at or time.time() + TRACED_S)
        except QueueUnavailable:
            telemetry.warning("job.no_traces", job=self._claim.job_id)

    def _put(self, finished: Finished, receipt: bytes | None) -> Artifact:
        artifact = self._store.put(
            finished.content,
            owner=self._claim.job_id,
            content_type=finished.content_type,
            extension=finished.extension,
            duration_s=finished.audio.duration_s,
            sample_rate=finished.audio.sample_rate,
            channels=finished.audio.channels,
            expires_at=time.time() + self._claim.request.delivery.ttl_s,
        )
        self._kept[artifact.id] = finished.one_of_a_kind
        for name, content in ((CREDENTIALS, finished.sidecar), (RECEIPT, receipt)):
            if content is not None:
                self._store.attach(artifact.id, name, content)
        return artifact

    async def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._stopped():
                raise Cancelled("the job was stopped while it waited for the store")
            await asyncio.sleep(LOOK_S)


def shown_by(job: Job) -> frozenset[str] | None:
    """The artifacts that a final job shows or listened to; None while it is not final."""
    if not job.terminal:
        return None
    if job.state in WITHOUT_SONG:
        return frozenset()
    result: dict[str, Any] = job.result or {}
    asked = job.request.conditioning
    heard = (clip.artifact_id for clip in (asked.melody, asked.prompt_audio) if clip is not None)
    return frozenset([*(output["artifact"]["id"] for output in result.get("outputs", ())), *heard])
