"""What the service answers, as far as this client reads it; fields of a newer service are kept, not refused.

Times are ISO 8601 in UTC, lengths of time are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})
MINUTES_FROM_S = 120
WAITING = frozenset({"queued", "loading"})


class Wish(TypedDict, total=False):
    """The fields of POST /generate beside the prompt, in wire names."""

    model: str
    mode: Literal["text", "unconditional", "melody", "continuation"]
    negative_prompt: str
    sections: list[dict[str, Any]]
    duration: float
    n: int
    seed: int
    sampling: Mapping[str, float]
    long_form: Mapping[str, float]
    conditioning: Mapping[str, Any]
    rights: Mapping[str, Any]
    output: Mapping[str, Any]
    delivery: Mapping[str, Any]
    metadata: Mapping[str, str]
    cache: Literal["use", "refresh", "off"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Artifact(_Document):
    """A file that the service keeps."""

    id: str
    url: str
    sha256: str
    content_type: str
    bytes: int
    duration: float
    sample_rate: int
    channels: int
    expires_at: datetime | None = None


class Output(_Document):
    """One song of a job."""

    index: int
    seed: int
    stream_url: str
    artifact: Artifact
    analysis: dict[str, Any] = {}
    audio_sha256: str | None = None
    watermark: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None


class Progress(_Document):
    fraction: float = 0.0
    stage: str | None = None
    audio_seconds_done: float = 0.0
    eta_seconds: float | None = None


class QueuePlace(_Document):
    position: int | None = None
    eta_seconds: float | None = None


class Urls(_Document):
    self: str
    cancel: str
    events: str
    audio: str


class JobDocument(_Document):
    """A job as it was when it was asked for."""

    id: str
    status: str
    created_at: datetime
    progress: Progress = Progress()
    queue: QueuePlace = QueuePlace()
    attempts: int = 0
    cache: str = "miss"
    request: dict[str, Any] = {}
    model: dict[str, Any] = {}
    outputs: list[Output] = []
    warnings: list[Any] = []
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    urls: Urls

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def waiting(self) -> str | None:
        """Where in the queue it is, in words: `queued, 2 before it, about 40 s`; None once it has begun."""
        if self.status not in WAITING:
            return None
        ahead, left_s = self.queue.position, self.queue.eta_seconds
        words = [
            self.progress.stage if self.status == "loading" else None,
            f"{ahead} before it" if ahead else None,
        ]
        words.append(None if left_s is None else f"about {_span(left_s)}")
        return ", ".join([self.status, *filter(None, words)])


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < MINUTES_FROM_S else f"{seconds / 60:.0f} min"


class Event(_Document):
    """Something that happened to a job: queued, started, progress, audio, output, warning, completed."""

    id: str
    kind: str
    payload: dict[str, Any]
