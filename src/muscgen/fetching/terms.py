"""Under which terms a model stands, before it is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from muscgen.errors import CheckpointInvalid, InvalidRequest, ModelNotFound
from muscgen.fetching.plan import MANIFEST
from muscgen.models.card import Card
from muscgen.models.record import RECORD
from muscgen.models.registry import card_of, folders_by_id
from muscgen.models.terms import Said, Terms, shipped
from muscgen.rights.policies import spelled

NOTHING_SAID = Said()

Published = Callable[[], Said]  # what a manifest says; asks a network


def terms_of(
    model: str,
    models_path: Path,
    said: Said = NOTHING_SAID,
    published: Published = lambda: NOTHING_SAID,
    *,
    anew: bool = False,
) -> Terms:
    """What a fetch goes by: see `standing`, which the gate is to be asked about where the model is here."""
    found = standing(model, models_path, said, published, anew=anew)
    return _of_card(found) if isinstance(found, Card) else found


def standing(
    model: str,
    models_path: Path,
    said: Said = NOTHING_SAID,
    published: Published = lambda: NOTHING_SAID,
    *,
    anew: bool = False,
) -> Card | Terms:
    """The card of the model as it is here, else the shipped one, else what is said, and published where it is
    not said.

    anew: its files are fetched over, so one here that cannot be read is as none, and what is published of the
    new ones goes before the card of those here. Raises ModelNotFound where nobody says a licence,
    InvalidRequest where something else is said than there, what `published` does.
    """
    found = known(model, models_path, anew=anew)
    if found is None or (anew and model not in shipped()):
        there = published()
        if found is None or there.license is not None:
            both = _filled(there, said)
            check_said(said, both._asdict(), MANIFEST)
            found = both.terms(model)
    if found is None:
        raise ModelNotFound(
            f"no card is known for {model!r}, so its licence has to be said",
            param="license",
            suggestion="license, an SPDX id, as its owner states it; a hub's page has its uploader's word. "
            f"At a URL its manifest may say it. Known by name: {', '.join(shipped())}",
        )
    check_said(said, {field: getattr(found, field) for field in Said._fields}, f"the card of {model}")
    return found


def known(model: str, models_path: Path, *, anew: bool = False) -> Card | Terms | None:
    """The card of the model as it is here, else the shipped one; None where there is neither."""
    try:
        card = card_of(model, models_path)
    except CheckpointInvalid as error:
        if not anew:
            raise _with_what_to_do(error, model, models_path) from error
        card = None
    return card or shipped().get(model)


def check_said(said: Said, there: Mapping[str, object], where: str) -> None:
    """Raises InvalidRequest where something else is said than there; case is one to licences."""
    said = in_spdx(said)
    for field in Said._fields:
        found = there.get(field)
        if said.differs(field, spelled(found) if field == "license" and isinstance(found, str) else found):
            raise InvalidRequest(
                f"{where} says {field} = {found!r}, not {getattr(said, field)!r}", param=field
            )


def in_spdx(said: Said) -> Said:
    """The licence as SPDX spells it, so that its page and its text are found."""
    return said if said.license is None else said._replace(license=spelled(said.license))


def _filled(first: Said, second: Said) -> Said:
    """What the first says, and where it says nothing what the second does."""
    both = zip(first, second, strict=True)
    return in_spdx(Said(*(other if one is None else one for one, other in both)))


def _with_what_to_do(error: CheckpointInvalid, model: str, models_path: Path) -> CheckpointInvalid:
    """What came can come again; of what was made here there is no other."""
    if not (folders_by_id(models_path)[model] / RECORD).is_file():
        return error
    return CheckpointInvalid(error.detail, suggestion=f"muscgen models remove {model}, and bring it anew")


def _of_card(card: Card) -> Terms:
    return Terms(
        **card.stated.model_dump(exclude={"files"}),
        id=card.id,
        revision="",
        license=spelled(card.license),
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
