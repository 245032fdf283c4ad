"""A model as clients see it: its card, its limits, and the JSON schema of what it can be asked for."""

from __future__ import annotations

from typing import Any

from muscgen.admission.effective import MIN_DURATION_S
from muscgen.models.card import Card
from muscgen.request import MAX_OUTPUTS, MAX_PROMPT_CHARS, GenerateRequest


def model_document(card: Card) -> dict[str, Any]:
    """One entry of /v1/models."""
    limits = {
        "min_duration": MIN_DURATION_S,
        "max_duration": card.max_duration_s,
        "max_outputs": MAX_OUTPUTS,
        "max_prompt_chars": MAX_PROMPT_CHARS,
    }
    return card.to_public() | {"object": "model", "limits": limits, "parameters": _schema(card)}


def _schema(card: Card) -> dict[str, Any]:
    """The schema of POST /generate with this model's own limits and defaults in it."""
    schema = GenerateRequest.model_json_schema(by_alias=True)
    fields = schema["properties"]
    fields["model"] = {"const": card.id}
    fields["mode"] = {"enum": list(card.modes), "default": card.modes[0]}
    fields["duration"] |= {"minimum": MIN_DURATION_S, "maximum": card.max_duration_s}
    fields["duration"].pop("exclusiveMinimum", None)
    wishes = schema["$defs"]["SamplingWish"]["properties"]
    for name, value in card.sampling.model_dump().items():
        wishes[name]["default"] = value
    return schema
