"""Under which terms a model stands, before it is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from muscgen.errors import CheckpointInvalid, InvalidRequest, ModelNotFound
from muscgen.models.card import read_card
from muscgen.models.registry import folders_by_id
from muscgen.models.terms import Said, Terms, shipped
from muscgen.rights.policies import spelled

NOTHING_SAID = Said()


def terms_of(
    model: str,
    models_path: Path,
    said: Said = NOTHING_SAID,
    published: Callable[[], Terms | None] = lambda: None,
) -> Terms:
    """Those of the model as it is here, else of the shipped card, else as they are said, else `published`.

    Raises ModelNotFound where nobody says a licence, InvalidRequest where something else is said than there.
    """
    said = in_spdx(said)
    found = _installed(model, folders_by_id(models_path)) or shipped().get(model) or said.terms(model)
    found = found or published()
    if found is None:
        raise ModelNotFound(
            f"no card is known for {model!r}, so its licence has to be said",
            param="license",
            suggestion="license, an SPDX id, as its owner states it; a hub's page has its uploader's word. "
            f"Known by name: {', '.join(shipped())}",
        )
    for field in Said._fields:
        if said.differs(field, there := getattr(found, field)):
            raise InvalidRequest(f"the card of {model} says {field} = {there!r}", param=field)
    return found


def in_spdx(said: Said) -> Said:
    """The licence as SPDX spells it, so that its page and its text are found."""
    return said if said.license is None else said._replace(license=spelled(said.license))


def _installed(model: str, folders: Mapping[str, Path]) -> Terms | None:
    if (folder := folders.get(model)) is None:
        return None
    try:
        card = read_card(folder)
    except CheckpointInvalid as error:
        again = f"muscgen models remove {model}, and bring it anew"
        raise CheckpointInvalid(error.detail, suggestion=again) from error
    return Terms(
        **card.stated.model_dump(exclude={"files"}),
        id=card.id,
        revision="",
        license=card.license,
        license_url=card.license_url,
        attribution=card.attribution,
        modes=card.modes,
        parameters=0,
        files=card.stated.files,
        description=card.description,
        sample_rate=card.sample_rate_hz,
        channels=card.channels,
        window=card.max_duration_s,
        sampling=card.sampling,
    )
