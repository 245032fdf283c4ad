"""A consent, or a track, that is taken back: out of the next manifest, and the models that had it by name."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable
from dataclasses import dataclass

from muscgen.data import place as files
from muscgen.data.ledger import Entry
from muscgen.data.manifest import history, tracks_of
from muscgen.data.place import Place
from muscgen.data.trained import Trained, models_of
from muscgen.errors import InvalidRequest
from muscgen.models.card import Card

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Revoked:
    """What it touches. manifests: those that hold one of the tracks."""

    tracks: tuple[str, ...]
    manifests: tuple[str, ...]
    models: tuple[Trained, ...]
    again: bool  # it had been taken back before


def revoke(
    place: Place, *, consent: str = "", track: str = "", by: str, reason: str = "", cards: Iterable[Card] = ()
) -> Revoked:
    """Take back a consent by its reference, or a track by its id. Durable on return.

    Raises InvalidRequest for a place without a ledger, or a name that no manifest here ever held.
    """
    if not place.ledger.is_file():
        raise InvalidRequest(
            f"{place.folder} holds no prepared data set", param="data", suggestion="muscgen data prepare"
        )
    name = consent or track
    manifests: list[str] = []
    tracks: set[str] = set()
    for sha256 in history(place):
        held = {one for one, given in tracks_of(place, sha256) if name == (given if consent else one)}
        tracks |= held
        manifests += [sha256] if held else []
    for fields in files.lines(place.ledger):
        entry = Entry.from_dict(fields)
        if name == (entry.consent if consent else entry.id):
            tracks.add(entry.id)
    if not tracks:
        raise _unknown(place, consent, track)
    again = name in references(place)
    if not again:
        line = {"consent": consent} if consent else {"track": track}
        files.append(place.revoked, line | {"by": by, "reason": reason, "at": round(time.time(), 3)})
    models = models_of(place, set(manifests), cards)
    return Revoked(tuple(sorted(tracks)), tuple(manifests), tuple(models), again)


def references(place: Place) -> frozenset[str]:
    """Every consent and track that was taken back here."""
    return frozenset(
        name
        for line in files.lines(place.revoked)
        for name in (line.get("consent"), line.get("track"))
        if name
    )


def _unknown(place: Place, consent: str, track: str) -> InvalidRequest:
    known = {fields["consent"] if consent else fields["id"] for fields in files.lines(place.ledger)} - {""}
    near = difflib.get_close_matches(consent or track, known, n=_SHOWN)
    what = f"no track here has the consent {consent!r}" if consent else f"there is no track {track!r}"
    return InvalidRequest(
        what,
        param="consent" if consent else "track",
        suggestion=", ".join(near or sorted(known)[:_SHOWN]) or None,
    )
