"""A song as it is asked for, and as it will be made.

`GenerateRequest` is what a client wrote: strict, and with gaps. `SongRequest` is the one value that travels:
checked once at the edge, every gap filled, kept in the job, given to the engine, echoed to the client. In
JSON both use the wire's names (`duration`); in Python names carry units (`duration_s`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from muscgen.errors import InvalidRequest

MAX_PROMPT_CHARS = 2_000
MAX_OUTPUTS = 8
MAX_SECTIONS = 64
MAX_DURATION_S = 600.0  # in windows, one after the other
MAX_SEED = 2**53 - 1  # what every JSON reader can hold exactly

Mode = Literal["text", "unconditional"]
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
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Sampling(_Part):
    """How the next code is drawn from the model's distribution."""

    temperature: float = Field(gt=0, le=5)
    top_k: int = Field(ge=0, le=2048, description="Only the k likeliest codes; 0 is all of them.")
    top_p: float = Field(
        ge=0, le=1, description="Only the likeliest codes of this total probability; 0 is all."
    )
    guidance_scale: float = Field(ge=1, le=20, description="1 is no guidance, and half the work.")


class SamplingWish(_Part):
    """Sampling with gaps, which the model's own defaults fill."""

    temperature: float | None = Field(default=None, gt=0, le=5)
    top_k: int | None = Field(default=None, ge=0, le=2048)
    top_p: float | None = Field(default=None, ge=0, le=1)
    guidance_scale: float | None = Field(default=None, ge=1, le=20)


class LongForm(_Part):
    """How a song longer than the model's window is made: engine/windows.py has the picture."""

    window_s: float = Field(alias="window")
    stride_s: float = Field(alias="stride")


class LongFormWish(_Part):
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


class Section(_Part):
    """A stretch of the song with a prompt of its own."""

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_CHARS)
    duration_s: float = Field(ge=1, alias="duration", description="Seconds.")


class Normalize(_Part):
    """Loudness after ITU-R BS.1770-4, or the peak alone, or neither."""

    strategy: Literal["loudness", "peak", "none"] = "loudness"
    lufs: float = Field(default=-14.0, ge=-40, le=-5)
    true_peak_db: float = Field(default=-1.0, ge=-20, le=0)


class Output(_Part):
    """The file that is wanted."""

    format: Format = "wav"
    bitrate_kbps: int | None = Field(default=None, ge=32, le=320, description="mp3, ogg and opus only.")
    sample_rate_hz: SampleRate | None = Field(
        default=None, alias="sample_rate", description="null: the model's own."
    )
    normalize: Normalize = Normalize()
    fade_in_s: float = Field(default=0.0, ge=0, le=30, alias="fade_in")
    fade_out_s: float = Field(default=0.0, ge=0, le=30, alias="fade_out")


class Delivery(_Part):
    """When and how long."""

    priority: Priority = "normal"
    deadline_s: float | None = Field(
        default=None, gt=0, le=86_400, alias="deadline", description="Seconds from now."
    )
    ttl_s: int = Field(
        default=86_400, ge=60, le=604_800, alias="ttl", description="How long a finished job is kept."
    )


class GenerateRequest(_Part):
    """The body of POST /generate."""

    model: str | None = Field(default=None, max_length=200, description="null: the service's default model.")
    mode: Mode = "text"
    prompt: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PROMPT_CHARS,
        description="Needed in mode text, unless there are sections.",
    )
    negative_prompt: str | None = Field(default=None, min_length=1, max_length=MAX_PROMPT_CHARS)
    sections: tuple[Section, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SECTIONS,
        description="Prompts over time, instead of prompt and duration.",
    )
    duration_s: float = Field(
        default=10.0, gt=0, alias="duration", description="Seconds; with sections their sum."
    )
    n: int = Field(default=1, ge=1, le=MAX_OUTPUTS, description="Variations; output i uses seed + i.")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="null: one is drawn and echoed.")
    sampling: SamplingWish = SamplingWish()
    long_form: LongFormWish | None = Field(
        default=None, description="null: filled in for a song longer than the model's window."
    )
    output: Output = Output()
    delivery: Delivery = Delivery()
    metadata: Metadata = {}


class SongRequest(_Part):
    """The effective request: nothing left open. Seconds, Hz, decibels."""

    model: str
    mode: Mode = "text"
    prompt: str | None = None
    negative_prompt: str | None = None
    sections: tuple[Section, ...] | None = None
    duration_s: float = Field(alias="duration")
    n: int = 1
    seed: int
    sampling: Sampling
    long_form: LongForm | None = None
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


# What the encoders can do, measured with libsndfile 1.2.2 for tones and noise at every rate and width.
# MP3 below 64 kbit/s has no room for the header that tells players the exact length; 8 and 12 kHz have.
_MP3_KBPS_LOW = (32, 40, 48, 56, 64)  # below 16 kHz
_MP3_KBPS_MIDDLE = (64, 80, 96, 112, 128, 144, 160)  # below 32 kHz
_MP3_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
_OPUS_MAX_KBPS = 256  # a channel
_VORBIS_MAX_KBPS = {8000: 36, 12000: 48, 16000: 68, 22050: 90, 24000: 96}  # a channel at the best quality
_VORBIS_MIN_KBPS = 32  # a channel at the worst quality, from 32 kHz


def file_rate_hz(output: Output, model_rate_hz: int) -> int:
    """The sample rate of the file: as asked, or the model's own, or 48 kHz where Opus does not know that."""
    if output.sample_rate_hz is not None:
        return output.sample_rate_hz
    return 48_000 if output.format == "opus" and model_rate_hz not in _OPUS_RATES_HZ else model_rate_hz


def refuse_impossible(output: Output, *, model_rate_hz: int, channels: int, duration_s: float) -> None:
    """Raise InvalidRequest, naming the parameter, for a file that cannot be made as it was asked for."""
    if output.sample_rate_hz and output.format == "opus" and output.sample_rate_hz not in _OPUS_RATES_HZ:
        raise InvalidRequest(
            f"opus cannot have {output.sample_rate_hz} Hz", param="output.sample_rate", suggestion="48000"
        )
    if output.bitrate_kbps is not None:
        _refuse_bitrate(output, output.bitrate_kbps, file_rate_hz(output, model_rate_hz), channels)
    for name, fade_s in (("fade_in", output.fade_in_s), ("fade_out", output.fade_out_s)):
        if fade_s > duration_s:
            raise InvalidRequest(
                f"{name} is {fade_s:g} s, longer than the song of {duration_s:g} s", param=f"output.{name}"
            )


def _refuse_bitrate(output: Output, kbps: int, rate_hz: int, channels: int) -> None:
    if output.format in ("wav", "flac"):
        raise InvalidRequest(
            f"{output.format} has no bitrate to choose",
            param="output.bitrate_kbps",
            suggestion="leave out",
        )
    if output.format == "mp3":
        allowed = _mp3_kbps(rate_hz)
        if kbps not in allowed:
            nearest = min(allowed, key=lambda rate: abs(rate - kbps))
            raise InvalidRequest(
                f"mp3 at {rate_hz} Hz has {', '.join(map(str, allowed))} kbit/s, not {kbps}",
                param="output.bitrate_kbps",
                suggestion=str(nearest),
            )
        return
    low, high = _variable_kbps(output.format, rate_hz, channels)
    if not low <= kbps <= high:
        raise InvalidRequest(
            f"{output.format} at {rate_hz} Hz and {channels} channels has {low} to {high} kbit/s, not {kbps}",
            param="output.bitrate_kbps",
            suggestion=str(min(max(kbps, low), high)),
        )


def _mp3_kbps(rate_hz: int) -> tuple[int, ...]:
    if rate_hz < 16_000:
        return _MP3_KBPS_LOW
    return _MP3_KBPS_MIDDLE if rate_hz < 32_000 else _MP3_KBPS


def _variable_kbps(encoding: Format, rate_hz: int, channels: int) -> tuple[int, int]:
    if encoding == "opus":
        return 32, _OPUS_MAX_KBPS * channels
    low = _VORBIS_MIN_KBPS * channels if rate_hz >= 32_000 else 32
    return low, _VORBIS_MAX_KBPS.get(rate_hz, 250) * channels
