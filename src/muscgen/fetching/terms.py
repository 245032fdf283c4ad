"""Under which terms a model stands, before it is here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from muscgen.errors import InvalidRequest, ModelNotFound
from muscgen.models.card import read_card
from muscgen.models.registry import folders_by_id
from muscgen.models.terms import Terms, declared, shipped


def terms_of(
    model: str,
    models_path: Path,
    license_: str | None = None,
    *,
    license_url: str | None = None,
    attribution: str | None = None,
) -> Terms:
    """Those of the model as it is here, else of the shipped card, else as they are said.

    Raises ModelNotFound where nobody says a licence, InvalidRequest where another is said than the card's.
    """
    known = _installed(model, folders_by_id(models_path)) or shipped().get(model)
    said = {"license": license_, "license_url": license_url, "attribution": attribution}
    if known is not None:
        for option, value in said.items():
            if value is not None and value != getattr(known, option):
                raise InvalidRequest(
                    f"{model} has a card, which says {getattr(known, option)!r}",
                    param=option.replace("_", "-"),
                )
        return known
    if license_ is None:
        raise ModelNotFound(
            f"no card is known for {model!r}, so its licence has to be said",
            param="model",
            suggestion="--license with an SPDX id, as its owner states it; what a hub's page says is the "
            f"uploader's word. Known by name: {', '.join(shipped())}",
        )
    return declared(model, license_, license_url, attribution)


def _installed(model: str, folders: Mapping[str, Path]) -> Terms | None:
    if (folder := folders.get(model)) is None:
        return None
    card = read_card(folder)
    return Terms(
        **card.stated.model_dump(),
        id=card.id,
        revision="",
        license=card.license,
        license_url=card.license_url,
        attribution=card.attribution,
        modes=card.modes,
        parameters=0,
        files=(),
        description=card.description,
        sample_rate=card.sample_rate_hz,
        channels=card.channels,
        window=card.max_duration_s,
        sampling=card.sampling,
    )
