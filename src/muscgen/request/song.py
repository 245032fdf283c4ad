"""The effective request: nothing left open. It is kept in the job, given to the engine, echoed back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import Field, ValidationError

from muscgen.request.parts import (
    CachePolicy,
    Conditioning,
    Delivery,
    LongForm,
    Metadata,
    Mode,
    Output,
    Part,
    Rights,
    Sampling,
    Section,
)


class SongRequest(Part):
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
    conditioning: Conditioning = Conditioning()
    rights: Rights = Rights()
    output: Output = Output()
    delivery: Delivery = Delivery()
    metadata: Metadata = Field(default={})
    # Not part of a wish: an echoed request, which may be posted again, is without them.
    warnings: tuple[str, ...] = Field(default=(), exclude_if=lambda warnings: not warnings)
    cache: CachePolicy = "use"

    def to_json(self) -> str:
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> SongRequest:
        return cls.model_validate_json(text)

    @classmethod
    def as_far_as_known(cls, text: str) -> SongRequest:
        """For showing a job of a newer version: without the fields it added. For making one: `from_json`.

        Raises ValidationError where more than new fields is the matter.
        """
        try:
            return cls.from_json(text)
        except ValidationError as error:
            told = error.errors(include_url=False)
            if any(one["type"] != "extra_forbidden" for one in told):
                raise
            return cls.from_json(json.dumps(_without(json.loads(text), [one["loc"] for one in told])))

    def seed_of(self, output: int) -> int:
        """The seed of output i: asking for it alone gives the same song."""
        return self.seed + output


def _without(content: dict[str, Any], places: Iterable[tuple[int | str, ...]]) -> dict[str, Any]:
    """Less the fields at these places; those that cannot be found stay, and are refused again."""
    for *path, name in places:
        inside: Any = content
        for step in path:
            try:
                inside = inside[step]
            except (KeyError, IndexError, TypeError):
                break
        else:
            inside.pop(name, None)
    return content
