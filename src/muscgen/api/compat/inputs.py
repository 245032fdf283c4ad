"""A prediction's input: the names that users of MusicGen on Replicate know, to and from a wish."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from muscgen.api.compat.asking import refuse
from muscgen.request import Basis, Format, SongRequest, Use

_ARTIFACT = re.compile(r"(?:https?://[^/]+)?(?:/[^?]*)?/(?:artifacts|v1/files)/([0-9a-f]{64})(?:\?.*)?")
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "model": "version",
        "mode": "input.input_audio",
        "prompt": "input.prompt",
        "negative_prompt": "input.negative_prompt",
        "duration": "input.duration",
        "n": "input.n",
        "seed": "input.seed",
        "sampling.temperature": "input.temperature",
        "sampling.top_k": "input.top_k",
        "sampling.top_p": "input.top_p",
        "sampling.guidance_scale": "input.classifier_free_guidance",
        "output.format": "input.output_format",
        "output.normalize.strategy": "input.normalization_strategy",
        "conditioning.melody": "input.input_audio",
        "conditioning.melody.artifact_id": "input.input_audio",
        "conditioning.melody.start": "input.continuation_start",
        "conditioning.melody.end": "input.continuation_end",
        "conditioning.prompt_audio": "input.input_audio",
        "conditioning.prompt_audio.artifact_id": "input.input_audio",
        "conditioning.prompt_audio.start": "input.continuation_start",
        "conditioning.prompt_audio.end": "input.continuation_end",
        "rights.input_audio_consent": "input.input_audio_consent",
        "rights.intended_use": "input.intended_use",
        "delivery.webhook.url": "webhook",
    }
)


class Input(BaseModel):
    """What a song is made from. More is in POST /generate."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    prompt: str | None = None
    negative_prompt: str | None = None
    duration: float | None = Field(default=None, description="Seconds.")
    n: int = Field(
        default=1, description="Variations; output i uses seed + i. One is a URI, several are a list."
    )
    seed: int | None = Field(default=None, description="null or -1: one is drawn.")
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    classifier_free_guidance: float | None = None
    output_format: Format = "wav"
    normalization_strategy: Literal["loudness", "peak", "none"] = "loudness"
    input_audio: str | None = Field(
        default=None,
        description="Address of a file of this service: a melody, or with continuation a beginning.",
    )
    continuation: bool = False
    continuation_start: float | None = Field(default=None, description="Seconds.")
    continuation_end: float | None = Field(default=None, description="Seconds.")
    input_audio_consent: Basis | None = Field(default=None, description="By what right input_audio is used.")
    intended_use: Use | None = None


def wish_of(given: Input, model: str | None) -> dict[str, Any]:
    """The wish of POST /generate. Raises InvalidRequest for sound that is not here."""
    rights: dict[str, Any] = {"intended_use": given.intended_use}
    if given.input_audio_consent is not None:
        rights["input_audio_consent"] = {"basis": given.input_audio_consent}
    wish: dict[str, Any] = {
        "model": model,
        "prompt": given.prompt,
        "negative_prompt": given.negative_prompt,
        "n": given.n,
        "seed": None if given.seed == -1 else given.seed,
        "sampling": {
            "temperature": given.temperature,
            "top_k": given.top_k,
            "top_p": given.top_p,
            "guidance_scale": given.classifier_free_guidance,
        },
        "output": {
            "format": given.output_format,
            "normalize": {"strategy": given.normalization_strategy},
        },
        "rights": rights,
    }
    if given.duration is not None:
        wish["duration"] = given.duration
    return wish | _sound(given)


def input_of(request: SongRequest) -> dict[str, Any]:
    """The input of a job, however it was asked for; what has no name there is left out."""
    sampling, consent = request.sampling, request.rights.input_audio_consent
    clip = request.conditioning.prompt_audio or request.conditioning.melody
    told: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "duration": request.duration_s,
        "n": request.n,
        "seed": request.seed,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "classifier_free_guidance": sampling.guidance_scale,
        "output_format": request.output.format,
        "normalization_strategy": request.output.normalize.strategy,
        "intended_use": request.rights.intended_use,
    }
    if clip is not None:
        told |= {
            "input_audio": f"/artifacts/{clip.artifact_id}",
            "continuation": request.conditioning.prompt_audio is not None,
            "continuation_start": clip.start_s,
            "continuation_end": clip.end_s,
            "input_audio_consent": consent and consent.basis,
        }
    return {name: value for name, value in told.items() if value is not None}


def _sound(given: Input) -> dict[str, Any]:
    if given.input_audio is None:
        for name in ("continuation", "continuation_start", "continuation_end", "input_audio_consent"):
            if getattr(given, name):
                refuse(f"input.{name}", "says something of input_audio, and there is none", "input_audio")
        return {}
    if (found := _ARTIFACT.fullmatch(given.input_audio)) is None:
        refuse(
            "input.input_audio",
            "nothing is fetched from elsewhere",
            "client.files.create(...).urls['get'], or an open file",
        )
    clip: dict[str, Any] = {"artifact_id": found[1], "end": given.continuation_end}
    if given.continuation_start is not None:
        clip["start"] = given.continuation_start
    if given.continuation:
        return {"mode": "continuation", "conditioning": {"prompt_audio": clip}}
    return {"mode": "melody", "conditioning": {"melody": clip}}
