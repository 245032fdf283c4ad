"""A model's card: what a client, a lawyer and the gate must know. `card.toml` in its folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from muscgen.errors import CheckpointInvalid
from muscgen.models.checkpoint import sha256
from muscgen.models.config import read_config
from muscgen.request import MAX_DURATION_S, Sampling

CARD = "card.toml"
_FIELDS = {
    "id",
    "license",
    "license_url",
    "attribution",
    "description",
    "modes",
    "max_duration_s",
    "sampling",
}


@dataclass(frozen=True, slots=True)
class Card:
    """One model. `revision` is the SHA-256 of its weights, `license` an SPDX expression."""

    id: str
    revision: str
    license: str
    license_url: str
    attribution: str
    description: str
    modes: tuple[str, ...]
    sample_rate_hz: int
    channels: int
    max_duration_s: float  # the model's window: songs beyond it are made in several
    sampling: Sampling  # the defaults
    path: Path

    def to_public(self) -> dict[str, Any]:
        """The card as clients see it: everything but where it lies on this machine."""
        return {
            "id": self.id,
            "revision": self.revision,
            "license": self.license,
            "license_url": self.license_url,
            "attribution": self.attribution,
            "description": self.description,
            "modes": list(self.modes),
            "sample_rate": self.sample_rate_hz,
            "channels": self.channels,
            "max_duration": MAX_DURATION_S,
            "window": self.max_duration_s,
            "sampling": self.sampling.model_dump(),
        }


def read_card(folder: Path) -> Card:
    """Raises CheckpointInvalid where the card is not TOML, misses a field or has one that nobody knows."""
    path = folder / CARD
    try:
        fields = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointInvalid(f"{path}: {error}") from error
    if wrong := sorted(_FIELDS ^ set(fields)):
        raise CheckpointInvalid(f"{path}: fields are missing or unknown: {', '.join(wrong)}")
    config = read_config(folder)
    try:
        return Card(
            id=str(fields["id"]),
            revision=sha256(folder),
            license=str(fields["license"]),
            license_url=str(fields["license_url"]),
            attribution=str(fields["attribution"]),
            description=str(fields["description"]),
            modes=tuple(fields["modes"]),
            sample_rate_hz=config.codec.sample_rate,
            channels=config.decoder.channels,
            max_duration_s=float(fields["max_duration_s"]),
            sampling=Sampling.model_validate(fields["sampling"]),
            path=folder,
        )
    except (ValidationError, ValueError, TypeError) as error:
        raise CheckpointInvalid(f"{path}: {error}") from error
