"""The parts of a request. Units stand in the names; the wire's names are the aliases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from muscgen.request.urls import MAX_URL_CHARS, web_address

MAX_PROMPT_CHARS = 2_000
MAX_SECTIONS = 64

Use = Literal["research", "noncommercial", "commercial"]
Mode = Literal["text", "unconditional", "melody", "continuation"]
Format = Literal["wav", "flac", "mp3", "ogg", "opus"]
CachePolicy = Literal["use", "refresh", "off"]
Priority = Literal["interactive", "normal", "batch"]
SampleRate = Literal[8000, 12000, 16000, 22050, 24000, 32000, 44100, 48000]
WebhookEvent = Literal["started", "progress", "completed"]
WebhookUrl = Annotated[str, StringConstraints(max_length=MAX_URL_CHARS), AfterValidator(web_address)]
ArtifactId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Basis = Literal["own", "licensed", "public_domain", "cc"]
Sensitive = Literal["voice", "likeness"]
ConsentId = Annotated[str, StringConstraints(pattern=r"^consent_[0-9a-f]{32}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]


class Part(BaseModel):
    """Frozen, strict, and without fields that nobody knows."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Sampling(Part):
    """How the next code is drawn from the model's distribution."""

    temperature: float = Field(gt=0, le=5)
    top_k: int = Field(ge=0, le=2048, description="Only the k likeliest codes; 0 is all of them.")
    top_p: float = Field(
        ge=0, le=1, description="Only the likeliest codes of this total probability; 0 is all."
    )
    guidance_scale: float = Field(ge=1, le=20, description="1 is no guidance, and half the work.")


class SamplingWish(Part):
    """Sampling with gaps, which the model's own defaults fill."""

    temperature: float | None = Field(default=None, gt=0, le=5)
    top_k: int | None = Field(default=None, ge=0, le=2048)
    top_p: float | None = Field(default=None, ge=0, le=1)
    guidance_scale: float | None = Field(default=None, ge=1, le=20)


class LongForm(Part):
    """How a song longer than the model's window is made: engine/windows.py has the picture."""

    window_s: float = Field(alias="window")
    stride_s: float = Field(alias="stride")


class LongFormWish(Part):
    """Long form with gaps: the model's own window, and a stride of three fifths of it."""

    window_s: float | None = Field(
        default=None, ge=1, alias="window", description="Seconds that the model sees at once."
    )
    stride_s: float | None = Field(
        default=None,
        gt=0,
        alias="stride",
        description="Seconds by which the window moves on; the rest of it is what the model remembers.",
    )


class Section(Part):
    """A stretch of the song with a prompt of its own."""

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_CHARS)
    duration_s: float = Field(ge=1, alias="duration", description="Seconds.")


class Normalize(Part):
    """Loudness after ITU-R BS.1770-4, or the peak alone, or neither."""

    strategy: Literal["loudness", "peak", "none"] = "loudness"
    lufs: float = Field(default=-14.0, ge=-40, le=-5)
    true_peak_db: float = Field(default=-1.0, ge=-20, le=0)


class Output(Part):
    """The file that is wanted."""

    format: Format = "wav"
    bitrate_kbps: int | None = Field(default=None, ge=32, le=320, description="mp3, ogg and opus only.")
    sample_rate_hz: SampleRate | None = Field(
        default=None, alias="sample_rate", description="null: the model's own."
    )
    normalize: Normalize = Normalize()
    fade_in_s: float = Field(default=0.0, ge=0, le=30, alias="fade_in")
    fade_out_s: float = Field(default=0.0, ge=0, le=30, alias="fade_out")


class Clip(Part):
    """A stretch of a kept file: an upload, or an earlier song."""

    artifact_id: ArtifactId
    start_s: float = Field(default=0.0, ge=0, alias="start", description="Seconds.")
    end_s: float | None = Field(default=None, gt=0, alias="end", description="null: to the file's end.")


class PromptAudio(Clip):
    """The clip that a song goes on from."""

    include: bool = Field(
        default=True, description="Whether the clip opens the finished file; `duration` counts it either way."
    )


class Conditioning(Part):
    """Sound that the model listens to: the melody in mode melody, the clip in mode continuation."""

    melody: Clip | None = None
    prompt_audio: PromptAudio | None = None


class Consent(Part):
    """By what right the sound of others is used: in words, or by a record of POST /consents.

    In an effective request the record's id and hash are filled in, whichever it was.
    """

    id: ConsentId | None = Field(default=None, description="Of a record; then the rest may be left out.")
    basis: Basis | None = None
    reference: str | None = Field(
        default=None, min_length=1, max_length=500, description="A contract, a licence, an address."
    )
    sha256: Sha256 | None = Field(default=None, description="Of the record, as it was made.")

    @model_validator(mode="after")
    def _says_something(self) -> Consent:
        if self.id is None and self.basis is None:
            said = {"what": "says neither a basis nor a record", "instead": '{"basis": "own"} or {"id": "…"}'}
            raise PydanticCustomError("consent", "{what}", said)
        if self.id is None and self.sha256 is not None:
            said = {"what": "has the hash of a record without its id", "instead": "id, or no sha256"}
            raise PydanticCustomError("consent", "{what}", said)
        return self


class Rights(Part):
    """What the client says of rights."""

    input_audio_consent: Consent | None = Field(
        default=None, description="Needed wherever the request brings sound."
    )
    intended_use: Use | None = Field(
        default=None, description="What the song is for; null: what the service is for."
    )
    sensitive: tuple[Sensitive, ...] = Field(
        default=(),
        max_length=2,
        description="voice: somebody sings or speaks in the sound; likeness: the song shall pass for a "
        "person's. To be declared, and needs a consent record that covers it.",
        exclude_if=lambda sensitive: not sensitive,
    )


class Webhook(Part):
    """Whom to tell what happens to the job, signed after Standard Webhooks."""

    url: WebhookUrl = Field(description="http or https; a public address unless the service allows others.")
    events: tuple[WebhookEvent, ...] = Field(default=("completed",), min_length=1, max_length=3)
    form: Literal["job", "prediction"] = Field(
        default="job",
        description="job: what happened and the job; prediction: the body that Replicate's receivers know.",
        exclude_if=lambda form: form == "job",
    )
    site: WebhookUrl | None = Field(
        default=None,
        description="What addresses in the body begin with: https://music.example.com; null: nothing.",
        exclude_if=lambda site: site is None,
    )


class Delivery(Part):
    """When, how long, and to whom."""

    priority: Priority = "normal"
    deadline_s: float | None = Field(
        default=None, gt=0, le=86_400, alias="deadline", description="Seconds from now."
    )
    ttl_s: int = Field(
        default=86_400, ge=60, le=604_800, alias="ttl", description="How long a finished job is kept."
    )
    cancel_on_disconnect: bool = Field(
        default=False,
        description="Cancel when the connection that waits for, follows or plays the job breaks off.",
    )
    webhook: Webhook | None = None
