"""The answers' shapes, in wire names. Times are ISO 8601 in UTC, lengths of time are seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from muscgen.jobs.job import Cached
from muscgen.jobs.states import State
from muscgen.jobs.tasks import TaskKind, TaskState
from muscgen.request import Scope, SongRequest, Statement


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class QueuePlace(_Wire):
    position: int | None = Field(description="0 is next; null while not waiting, or waiting for a retry.")
    eta_seconds: float | None = Field(description="Until the song is done; null while no worker is known.")


class Progress(_Wire):
    fraction: float = 0.0
    stage: str | None = None
    steps_done: int = 0
    steps_total: int | None = None
    audio_seconds_done: float = 0.0
    eta_seconds: float | None = None


class ModelUsed(_Wire):
    id: str
    revision: str | None = Field(default=None, description="SHA-256 of the weights.")
    commit: str | None = Field(default=None, description="Where the model was fetched: which version.")
    backend: str | None = None
    dtype: str | None = None
    license: str | None = None


class ArtifactLink(_Wire):
    id: str
    url: str
    sha256: str
    content_type: str
    bytes: int
    duration: float
    sample_rate: int
    channels: int
    expires_at: datetime | None = None


class SignedLink(_Wire):
    """Where anybody gets the file without a key, until it expires."""

    url: str
    expires_at: datetime


class UploadLink(ArtifactLink):
    """An upload."""

    credentials: dict[str, Any] | None = Field(
        default=None,
        description="What its own content credentials (C2PA) say; they are kept as those of an ingredient.",
    )


class SignedBy(_Wire):
    organization: str
    fingerprint: str = Field(description="SHA-256 of the signing certificate.")
    development: bool = Field(description="A key that a home made for itself: nobody else trusts it.")


class Provenance(_Wire):
    """What says where the file comes from, beside its watermark."""

    c2pa: Literal["embedded", "sidecar"] | None = Field(description="Where its content credentials are.")
    credentials_url: str | None = Field(description="Of a sidecar.")
    receipt_url: str | None
    signer: SignedBy | None
    off: list[str] = Field(description="What the settings leave out: watermark, tags, credentials, receipt.")


class CheckMade(_Wire):
    name: Literal["watermark", "credentials", "integrity", "signer", "receipt"]
    result: str
    detail: str
    facts: dict[str, Any] = {}


class FileSeen(_Wire):
    """null where the file cannot be decoded, or has no such thing."""

    sha256: str
    audio_sha256: str | None
    bytes: int
    content_type: str | None
    duration: float | None
    sample_rate: int | None
    channels: int | None


class VerifyReport(_Wire):
    verdict: Literal["genuine", "made_here", "altered", "signed_elsewhere", "unknown"]
    detail: str
    checks: list[CheckMade]
    file: FileSeen


class OutputMade(_Wire):
    index: int
    stream_url: str = Field(description="The song in any format.")
    seed: int
    artifact: ArtifactLink
    analysis: dict[str, Any] = {}
    audio_sha256: str | None = Field(
        default=None,
        description="Of the sound alone: equal for equal songs, whatever tags and signatures say.",
    )
    watermark: dict[str, Any] | None = None
    provenance: Provenance | None = None


class ProblemDocument(_Wire):
    """RFC 9457, with what programs need to decide."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    param: str | None = None
    suggestion: str | None = None
    retryable: bool = False
    request_id: str | None = None


class JobUrls(_Wire):
    self: str
    cancel: str
    events: str
    audio: str


class JobDocument(_Wire):
    """A job as clients see it."""

    id: str
    status: State | Literal["loading"] = Field(
        description="loading: queued, while a worker fetches or loads the model."
    )
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    cancel_requested: bool
    queue: QueuePlace
    progress: Progress
    attempts: int
    worker: str | None
    request: SongRequest = Field(description="The effective request: every default filled in.")
    model: ModelUsed
    resumed_from_seconds: float | None = Field(
        description="Where the present attempt took over what an earlier worker had made; null if nowhere."
    )
    outputs: list[OutputMade]
    warnings: list[Any]
    cache: Cached = Field(
        description="hit: an earlier song serves this job; coalesced: it shares the making with an equal one."
    )
    usage: dict[str, Any] | None
    error: ProblemDocument | None
    urls: JobUrls

    def to_json(self) -> str:
        return self.model_dump_json(by_alias=True)


class ConsentDocument(_Wire):
    """A consent: the record, which never changes, and how it stands."""

    id: str
    tenant: str
    inline: bool = Field(description="Told in a request, rather than by POST /consents.")
    basis: str
    reference: str | None
    scope: Scope
    statement: Statement | None
    created_at: datetime
    sha256: str = Field(description="Of the fields above as JSON: names sorted, no spaces, ASCII.")
    standing: Literal["valid", "ended", "revoked"]
    revoked_at: datetime | None
    revoked_reason: str | None


class ConsentList(_Wire):
    consents: list[ConsentDocument]
    next_cursor: str | None


class ConsentUse(_Wire):
    """What a consent was used for: a job, or a file that came of it."""

    at: datetime
    job: str
    job_url: str
    artifact: str | None = Field(description="SHA-256 of the file.")
    artifact_url: str | None


class ConsentUses(_Wire):
    made: list[ConsentUse]
    next_cursor: str | None


class ConsentRevoked(ConsentDocument):
    """What the revoked consent was used for comes with it: the first page of it."""

    made: list[ConsentUse]
    next_cursor: str | None


class JobList(_Wire):
    jobs: list[JobDocument]
    next_cursor: str | None


class TaskProgress(_Wire):
    """Of a fetch, in bytes."""

    stage: str | None = None
    bytes_done: int = 0
    bytes_total: int = 0


class TaskPart(_Wire):
    """One place's share, or one worker's."""

    name: str
    state: TaskState
    worker: str | None
    progress: TaskProgress
    error: ProblemDocument | None
    ended_at: datetime | None


class TaskDocument(_Wire):
    """What workers were asked to do with a model."""

    id: str
    kind: TaskKind
    model: str
    state: TaskState
    wish: dict[str, Any]
    created_at: datetime
    cancel_requested: bool
    fraction: float
    parts: list[TaskPart]
    error: ProblemDocument | None
    url: str
