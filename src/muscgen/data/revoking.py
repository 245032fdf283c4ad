"""A consent, or a track, that is taken back: out of the next manifest, and the models that had it by name."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from muscgen.data import place as files
from muscgen.data import taken_back
from muscgen.data.ledger import Entry
from muscgen.data.manifest import Held, history, tracks_of
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
    manifests: dict[str, None] = {}
    sounds: dict[tuple[str, str], set[str]] = {("consent", name): set() for name in names}
    sounds |= {("track", name): set() for name in single}
    for manifest, one in _held(place):
        covering = [("consent", name) for name in one.consents if name in names]
        covering += [("track", one.id)] if one.id in single else []
        for key in covering:
            sounds[key] |= {one.sha256} - {""}
        if covering:
            tracks.add(one.id)
            manifests |= {manifest: None} if manifest else {}
    if not tracks:
        raise _unknown(place, consent, track)
    models = models_of(place, set(manifests), cards)
    before = taken_back.read(place)
    again = before.names.issuperset(name for _, name in sounds)
    found = Revoked(tuple(sorted(tracks)), tuple(manifests), tuple(models), again=again)
    note(found)
    for (kind, name), digests in sorted(sounds.items()):
        known = before.of_tracks if kind == "track" else before.of_consents
        if name not in before.names or not known.issuperset(digests):
            said = {"by": by, "reason": reason, "at": round(time.time(), 3)}
            files.append(place.revoked, {kind: name, "sha256": sorted(digests)} | said)
    return found


def _of_files(place: Place, inputs: frozenset[str]) -> set[str]:
    """Tracks whose files have one of these digests."""
    return {one.id for _, one in _held(place) if one.sha256 in inputs} if inputs else set()


def _held(place: Place) -> Iterator[tuple[str, Held]]:
    """Every track of the ledger, under "", and of each manifest that was ever made here, under its hash."""
    for fields in files.lines(place.ledger):
        entry = Entry.from_dict(fields)
        yield "", Held(entry.id, entry.consents, entry.sha256)
    for sha256 in history(place):
        for one in tracks_of(place, sha256):
            yield sha256, one


def _unknown(place: Place, consent: str, track: str) -> InvalidRequest:
    known = {name for _, one in _held(place) for name in (one.consents if consent else (one.id,))}
    near = difflib.get_close_matches(consent or track, known, n=_SHOWN)
    what = f"no track here has the consent {consent!r}" if consent else f"there is no track {track!r}"
    return InvalidRequest(
        what,
        param="consent" if consent else "track",
        suggestion=", ".join(near or sorted(known)[:_SHOWN]) or None,
    )
