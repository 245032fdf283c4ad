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
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muscgen.errors import CheckpointInvalid
from muscgen.request import MAX_DURATION_S, Sampling, Use

SHIPPED = Path(__file__).parent / "cards"

USUAL = Sampling(temperature=1.0, top_k=250, top_p=0.0, guidance_scale=3.0)  # audiocraft's

Policy = Literal["allow", "allow-with-attribution", "revenue-capped", "noncommercial-only", "unknown"]
POLICIES: tuple[Policy, ...] = get_args(Policy)  # from the freest to the strictest


class WeightFile(BaseModel):
    """A file of a model; its digest where it was computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Stated(BaseModel):
    """What a card may say beyond its licence. Empty and 0 are: not said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Policy | None = Field(default=None, description="null: what the licence is known for.")
    permitted_uses: tuple[Use, ...] = ()
    training_data: str = ""
    limits: str = ""
    memory_mb: int = Field(default=0, ge=0, description="Of the weights in fp32.")
    manifests: tuple[str, ...] = Field(
        default=(), description="SHA-256 of the manifests of the data that it was trained on here."
    )
    files: tuple[WeightFile, ...] = Field(default=(), description="With a digest: only these are loaded.")


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
    description: str = ""
    sample_rate: int = 32_000
    channels: int = 1
    window: float = Field(default=30.0, description="Seconds that the model sees at once.")
    sampling: Sampling = USUAL

    def to_public(self) -> dict[str, Any]:
        """What can be told of a model that is not here, in the words of a card."""
        return {
            "id": self.id,
            "revision": None,
            "license": self.license,
            "license_url": self.license_url,
            "attribution": self.attribution,
            "training_data": self.training_data,
            "known_limits": self.limits,
            "description": self.description,
            "modes": list(self.modes),
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "max_duration": MAX_DURATION_S,
            "window": self.window,
            "sampling": self.sampling.model_dump(),
            "origin": None,
        }


class Said(NamedTuple):
    """What whoever brings a model says of its licence. None: nothing."""

    license: str | None = None  # SPDX
    license_url: str | None = None
    attribution: str | None = None

    def differs(self, field: str, other: object) -> bool:
        """Whether something else is said than there."""
        return getattr(self, field) not in (None, other)

    def terms(self, model: str) -> Terms | None:
        """None where no licence is said; the rest has defaults then."""
        if self.license is None:
            return None
        return Terms(
            id=model,
            revision="",
            license=self.license,
            license_url=self.license_url or f"https://spdx.org/licenses/{self.license}.html",
            attribution=self.attribution or model,
            modes=(),
            parameters=0,
            files=(),
        )


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
