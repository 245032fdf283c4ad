"""A model as clients see it: its card, its limits, and the JSON schema of what it can be asked for."""

from __future__ import annotations

from typing import Any

from muscgen.admission.length import MIN_DURATION_S
from muscgen.models.card import Card
from muscgen.request import MAX_DURATION_S, MAX_OUTPUTS, MAX_PROMPT_CHARS, MAX_SECTIONS, GenerateRequest


def model_document(card: Card) -> dict[str, Any]:
    """One entry of /v1/models."""
    limits = {
        "min_duration": MIN_DURATION_S,
        "max_duration": MAX_DURATION_S,
        "window": card.max_duration_s,
        "max_sections": MAX_SECTIONS,
        "max_outputs": MAX_OUTPUTS,
        "max_prompt_chars": MAX_PROMPT_CHARS,
    }
    shown = {"object": "model", "created": came_at(card), "owned_by": _owner(card.id)}
    return card.to_public() | shown | {"limits": limits, "parameters": _schema(card)}


def came_at(card: Card) -> int:
    """Unix seconds; of a folder that was made by hand, its last change."""
    return int(card.record.at if card.record else card.path.stat().st_mtime)


def _owner(model: str) -> str:
    owner, _, name = model.rpartition("/")
    return owner if name and owner else "muscgen"


def _schema(card: Card) -> dict[str, Any]:
    """The schema of POST /generate with this model's own limits and defaults in it."""
    schema = GenerateRequest.model_json_schema(by_alias=True)
    fields = schema["properties"]
    fields["model"] = {"const": card.id}
    fields["mode"] = {"enum": list(card.modes), "default": card.modes[0]}
    fields["duration"] |= {"minimum": MIN_DURATION_S, "maximum": MAX_DURATION_S}
    fields["duration"].pop("exclusiveMinimum", None)
    schema["$defs"]["LongFormWish"]["properties"]["window"]["default"] = card.max_duration_s
    wishes = schema["$defs"]["SamplingWish"]["properties"]
    for name, value in card.sampling.model_dump().items():
        wishes[name]["default"] = value
    return schema
