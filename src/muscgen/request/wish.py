"""What a client wrote: strict, and with gaps."""

from __future__ import annotations

from pydantic import Field

from muscgen.request.parts import (
    MAX_PROMPT_CHARS,
    MAX_SECTIONS,
    CachePolicy,
    Conditioning,
    Delivery,
    LongFormWish,
    Metadata,
    Mode,
    Output,
    Part,
    Rights,
    SamplingWish,
    Section,
)

MAX_OUTPUTS = 8
MAX_DURATION_S = 600.0  # in windows, one after the other
MAX_SEED = 2**53 - 1  # what every JSON reader can hold exactly


class GenerateRequest(Part):
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
    conditioning: Conditioning = Conditioning()
    rights: Rights = Rights()
    output: Output = Output()
    delivery: Delivery = Delivery()
    metadata: Metadata = Field(default={})
    cache: CachePolicy = Field(
        default="use",
        description="use: an equal request's song serves this one; refresh: make it anew, for later ones; "
        "off: make it for this one alone.",
    )
