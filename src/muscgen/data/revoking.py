"""A consent, or a track, that is taken back: out of the next manifest, and the models that had it by name."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable
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


@dataclass(frozen=True, slots=True)
class Beside:
    """What a consent's record says that it covers: a reference, and the SHA-256 of files."""

    reference: str = ""
    inputs: frozenset[str] = frozenset()


_NOTHING = Beside()


def revoke(
    place: Place,
    *,
    consent: str = "",
    track: str = "",
    by: str,
    reason: str = "",
    cards: Iterable[Card] = (),
    beside: Beside = _NOTHING,
    note: Callable[[Revoked], object] = lambda _: None,
) -> Revoked:
    """Take back a consent by its reference, or a track by its id. Durable on return.

    beside: of the consent's record, where it has one. note: called with what will be taken back; where it
    raises, nothing is.

    Raises InvalidRequest for a place without a ledger, or a name that no manifest here ever held.
    """
    if not place.ledger.is_file():
        raise InvalidRequest(
            f"{place.folder} holds no prepared data set", param="data", suggestion="muscgen data prepare"
        )
    names = {name for name in (consent, beside.reference) if name}
    single = {track} if track else _of_files(place, beside.inputs)
    tracks: set[str] = set()
    manifests: list[str] = []
    for entry in _entries(place):
        if entry.consent in names or entry.id in single:
            tracks.add(entry.id)
    for sha256 in history(place):
        held = {one for one, given in tracks_of(place, sha256) if given in names or one in single}
        tracks |= held
        manifests += [sha256] if held else []
    if not tracks:
        raise _unknown(place, consent, track)
    wanted = [{"consent": name} for name in sorted(names)] + [{"track": name} for name in sorted(single)]
    new = [line for line in wanted if not set(line.values()) & references(place)]
    models = models_of(place, set(manifests), cards)
    found = Revoked(tuple(sorted(tracks)), tuple(manifests), tuple(models), again=not new)
    note(found)
    for line in new:
        files.append(place.revoked, line | {"by": by, "reason": reason, "at": round(time.time(), 3)})
    return found


def references(place: Place) -> frozenset[str]:
    """Every consent and track that was taken back here."""
    return frozenset(
        name
        for line in files.lines(place.revoked)
        for name in (line.get("consent"), line.get("track"))
        if name
    )


def _entries(place: Place) -> Iterable[Entry]:
    return map(Entry.from_dict, files.lines(place.ledger))


def _of_files(place: Place, inputs: frozenset[str]) -> set[str]:
    """Tracks whose files have one of these digests."""
    return {entry.id for entry in _entries(place) if entry.sha256 in inputs} if inputs else set()


def _unknown(place: Place, consent: str, track: str) -> InvalidRequest:
    known = {fields["consent"] if consent else fields["id"] for fields in files.lines(place.ledger)} - {""}
    near = difflib.get_close_matches(consent or track, known, n=_SHOWN)
    what = f"no track here has the consent {consent!r}" if consent else f"there is no track {track!r}"
    return InvalidRequest(
        what,
        param="consent" if consent else "track",
        suggestion=", ".join(near or sorted(known)[:_SHOWN]) or None,
    )
