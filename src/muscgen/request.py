"""A song as it is asked for, and as it will be made.

`GenerateRequest` is what a client wrote: strict, and with gaps. `SongRequest` is the one value that travels: checked
once at the edge, every gap filled, kept in the job, given to the engine, echoed to the client. In JSON both use
the wire's names (`duration`); in Python names carry units (`duration_s`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_PROMPT_CHARS = 2_000
MAX_OUTPUTS = 8
MAX_SEED = 2**53 - 1  # what every JSON reader can hold exactly

Format = Literal["wav", "flac", "mp3", "ogg", "opus"]
Priority = Literal["interactive", "normal", "batch"]
SampleRate = Literal[8000, 12000, 16000, 22050, 24000, 32000, 44100, 48000]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )


class Sampling(_Part):
    """How the next code is drawn from the model's distribution."""

    temperature: float = Field(gt=0, le=5)
    top_k: int = Field(ge=0, le=2048, description="Only the k likeliest codes; 0 is all of them.")
    top_p: float = Field(ge=0, le=1, description="Only the likeliest codes of this total probability; 0 is all.")
    guidance_scale: float = Field(ge=1, le=20, description="1 is no guidance, and half the work.")


class SamplingWish(_Part):
    """Sampling with gaps, which the model's own defaults fill."""

    temperature: float | None = Field(default=None, gt=0, le=5)
    top_k: int | None = Field(default=None, ge=0, le=2048)
    top_p: float | None = Field(default=None, ge=0, le=1)
    guidance_scale: float | None = Field(default=None, ge=1, le=20)


class Normalize(_Part):
    """Loudness after ITU-R BS.1770-4, or the peak alone, or neither."""

    strategy: Literal["loudness", "peak", "none"] = "loudness"
    lufs: float = Field(default=-14.0, ge=-40, le=-5)
    true_peak_db: float = Field(default=-1.0, ge=-20, le=0)


class Output(_Part):
    """The file that is wanted."""

    format: Format = "wav"
    bitrate_kbps: int | None = Field(default=None, ge=32, le=320, description="mp3, ogg and opus only.")
    sample_rate_hz: SampleRate | None = Field(default=None, alias="sample_rate", description="null: the model's own.")
    normalize: Normalize = Normalize()
    fade_in_s: float = Field(default=0.0, ge=0, le=30, alias="fade_in")
    fade_out_s: float = Field(default=0.0, ge=0, le=30, alias="fade_out")


class Delivery(_Part):
    """When and how long."""

    priority: Priority = "normal"
    deadline_s: float | None = Field(default=None, gt=0, le=86_400, alias="deadline", description="Seconds from now.")
    ttl_s: int = Field(default=86_400, ge=60, le=604_800, alias="ttl", description="How long a finished job is kept.")


class GenerateRequest(_Part):
    """The body of POST /generate."""

    model: str | None = Field(default=None, max_length=200, description="null: the service's default model.")
    mode: Literal["text"] = "text"
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_CHARS)
    negative_prompt: str | None = Field(default=None, min_length=1, max_length=MAX_PROMPT_CHARS)
    duration_s: float = Field(default=10.0, gt=0, alias="duration", description="Seconds.")
    n: int = Field(default=1, ge=1, le=MAX_OUTPUTS, description="Variations; output i uses seed + i.")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="null: one is drawn and echoed.")
    sampling: SamplingWish = SamplingWish()
    output: Output = Output()
    delivery: Delivery = Delivery()
    metadata: Metadata = {}


class SongRequest(_Part):
    """The effective request: nothing left open. Seconds, Hz, decibels."""

    model: str
    mode: Literal["text"] = "text"
    prompt: str
    negative_prompt: str | None = None
    duration_s: float = Field(alias="duration")
    n: int = 1
    seed: int
    sampling: Sampling
    output: Output = Output()
    delivery: Delivery = Delivery()
    metadata: Metadata = {}

    def to_json(self) -> str:
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> SongRequest:
        return cls.model_validate_json(text)

    def seed_of(self, output: int) -> int:
        """The seed of output i: asking for it alone gives the same song."""
        return self.seed + output
