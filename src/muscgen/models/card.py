"""A model's card: what a client, a lawyer and the gate must know. `card.toml` in its folder.

A card with `base` and `adapter` is a model made of another one's weights and a LoRA adapter: `base` is a
model's id or a folder beside this one, `adapter` a folder inside or beside it, both relative to the card's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from muscgen.errors import CheckpointInvalid
from muscgen.models.checkpoint import sha256
from muscgen.models.config import ModelConfig
from muscgen.models.folder import read_outline, weights_of
from muscgen.models.pins import check_pins
from muscgen.models.record import Record, read_record
from muscgen.models.terms import Stated, Terms
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
_ADAPTED = {"base", "adapter"}
NOTHING_STATED = Stated()
_STATED = frozenset(Stated.model_fields)  # each may be left out
_NOWHERE = Path("not-here")
_NO_BASES: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Base:
    """What the card of the adapted weights says."""

    id: str
    license: str
    stated: Stated


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
    path: Path  # of the checkpoint, which may be another model's
    adapter: Path | None = None
    stated: Stated = NOTHING_STATED
    record: Record | None = None  # of how it came here; None for a folder made by hand
    base: Base | None = None  # the model that is adapted: its terms bind the adapted one too

    def to_public(self) -> dict[str, Any]:
        """The card as clients see it: everything but where it lies on this machine."""
        return {
            "id": self.id,
            "revision": self.revision,
            "license": self.license,
            "license_url": self.license_url,
            "attribution": self.attribution,
            "training_data": self.stated.training_data,
            "known_limits": self.stated.limits,
            "description": self.description,
            "modes": list(self.modes),
            "sample_rate": self.sample_rate_hz,
            "channels": self.channels,
            "max_duration": MAX_DURATION_S,
            "window": self.max_duration_s,
            "sampling": self.sampling.model_dump(),
            "origin": self.record and self.record.to_public(),
        }


def expected(terms: Terms) -> Card:
    """The card that a known model will have once it is here: no revision yet, and no files."""
    return Card(
        id=terms.id,
        revision="",
        license=terms.license,
        license_url=terms.license_url,
        attribution=terms.attribution,
        description=terms.description,
        modes=terms.modes,
        sample_rate_hz=terms.sample_rate,
        channels=terms.channels,
        max_duration_s=terms.window,
        sampling=terms.sampling,
        path=_NOWHERE,
        stated=Stated.model_validate({name: getattr(terms, name) for name in _STATED}),
    )


def is_adapted(folder: Path) -> bool:
    """Whether the card speaks of another model's weights."""
    return bool(_ADAPTED & set(card_fields(folder)))


def read_card(folder: Path, bases: Mapping[str, Path] = _NO_BASES) -> Card:
    """The card in `folder`; `bases` are the checkpoints of the models that an adapter may name.

    Raises CheckpointInvalid where the card is not TOML, misses a field or has one that nobody knows.
    """
    path, fields = folder / CARD, card_fields(folder)
    adapted = _ADAPTED if _ADAPTED & set(fields) else set()
    if wrong := sorted((_FIELDS | adapted) ^ (set(fields) - _STATED)):
        raise CheckpointInvalid(f"{path}: fields are missing or unknown: {', '.join(wrong)}")
    checkpoint = _base(folder, str(fields["base"]), bases) if adapted else folder
    adapter = folder / str(fields["adapter"]) if adapted else None
    try:
        config, hears = read_outline(checkpoint)
    except CheckpointInvalid as error:  # its own words name a file or a tensor, and many models have such
        where = "" if str(checkpoint) in error.detail else f"{checkpoint}: "
        raise CheckpointInvalid(f"{where}{error.detail}") from error
    _check_modes(path, fields["modes"], config, hears=hears)
    try:
        stated, revision = _stated(fields), sha256(checkpoint, adapter)
        own = [] if adapted else weights_of(folder)
        check_pins(str(fields["id"]), stated, folder, own, revision)
        return Card(
            id=str(fields["id"]),
            revision=revision,
            license=str(fields["license"]),
            license_url=str(fields["license_url"]),
            attribution=str(fields["attribution"]),
            description=str(fields["description"]),
            modes=tuple(fields["modes"]),
            sample_rate_hz=config.codec.sample_rate,
            channels=config.decoder.channels,
            max_duration_s=float(fields["max_duration_s"]),
            sampling=Sampling.model_validate(fields["sampling"]),
            path=checkpoint,
            adapter=adapter,
            stated=stated,
            record=read_record(folder),
            base=_base_in(checkpoint) if adapted else None,
        )
    except (ValidationError, ValueError, TypeError) as error:
        raise CheckpointInvalid(f"{path}: {error}") from error


def _check_modes(path: Path, modes: object, config: ModelConfig, *, hears: bool) -> None:
    """Raises CheckpointInvalid for a mode that these weights cannot have."""
    named = modes if isinstance(modes, list) else []
    if "melody" in named and config.melody is None:
        raise CheckpointInvalid(f"{path}: modes has melody, and the checkpoint is no melody model")
    if "continuation" in named and not hears:
        raise CheckpointInvalid(f"{path}: modes has continuation, and the checkpoint has no audio encoder")


def card_fields(folder: Path) -> dict[str, Any]:
    """What the card says, unchecked. Raises CheckpointInvalid where it is not TOML."""
    path = folder / CARD
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointInvalid(f"{path}: {error}") from error


def _stated(fields: Mapping[str, Any]) -> Stated:
    return Stated.model_validate({name: fields[name] for name in _STATED & set(fields)})


def _base_in(checkpoint: Path) -> Base | None:
    """None where the weights lie without a card."""
    if not (checkpoint / CARD).is_file():
        return None
    fields = card_fields(checkpoint)
    return Base(str(fields.get("id")), str(fields.get("license", "")), _stated(fields))


def _base(folder: Path, base: str, bases: Mapping[str, Path]) -> Path:
    """Where the weights lie that the adapter was trained on."""
    if base in bases:
        return bases[base]
    if not base or not (beside := folder / base).is_dir():
        known = ", ".join(bases) or "none"
        raise CheckpointInvalid(
            f"{folder / CARD}: base {base!r} is no folder and no model; known are {known}"
        )
    return beside
