"""The terms of a model: what may be done with it, made of what, good for what.

Shipped for the models that are known, installed or not, one TOML each in `cards/`; a model of one's own may
state them in its `card.toml`, beside its weights.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muscgen.errors import CheckpointInvalid
from muscgen.request import Use

SHIPPED = Path(__file__).parent / "cards"

Policy = Literal["allow", "allow-with-attribution", "revenue-capped", "noncommercial-only", "unknown"]
POLICIES: tuple[Policy, ...] = get_args(Policy)  # from the freest to the strictest


class Stated(BaseModel):
    """What a card may say beyond its licence. Empty and 0 are: not said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Policy | None = Field(default=None, description="null: what the licence is known for.")
    permitted_uses: tuple[Use, ...] = ()
    training_data: str = ""
    limits: str = ""
    memory_mb: int = Field(default=0, ge=0, description="Of the weights in fp32.")


class WeightFile(BaseModel):
    """A file of a model; its digest where it was computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Terms(Stated):
    """A shipped card. `license` is an SPDX expression, `revision` empty where none is pinned."""

    id: str
    revision: str
    license: str
    license_url: str
    attribution: str
    modes: tuple[str, ...]
    parameters: int
    files: tuple[WeightFile, ...]


@cache
def shipped(folder: Path = SHIPPED) -> Mapping[str, Terms]:
    """The shipped terms by model id. Raises CheckpointInvalid for a file that cannot be read."""
    found: dict[str, Terms] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            terms = Terms.model_validate(tomllib.loads(path.read_text("utf-8")))
        except (ValueError, ValidationError) as error:
            raise CheckpointInvalid(f"{path}: {error}") from error
        found[terms.id] = terms
    return MappingProxyType(found)
