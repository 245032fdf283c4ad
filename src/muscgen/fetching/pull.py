"""A model from elsewhere to its folder here: permitted, planned, fetched, checked, written down, placed.

The order is this file. Nothing is asked of the network before the licence permits it, but for the manifest
that says which licence it is; nothing is seen by others before it is whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from muscgen import telemetry
from muscgen.artifacts.files import write
from muscgen.errors import CheckpointInvalid, FilesWrong, InvalidRequest, LicenceRefused
from muscgen.fetching.download import PARTS, fetch
from muscgen.fetching.first import First, first_of, note_first
from muscgen.fetching.patience import Patience, patiently
from muscgen.fetching.places import HUB, open_source
from muscgen.fetching.plan import Item, Plan, Source
from muscgen.fetching.shelf import Shelf
from muscgen.fetching.web import shown
from muscgen.models.card import CARD, Card, read_card
from muscgen.models.leftout import BUILTIN
from muscgen.models.record import RECORD, Acceptance, Kept, Record, read_record
from muscgen.models.registry import card_in, folders_by_id
from muscgen.models.terms import Terms
from muscgen.models.writing import card_text
from muscgen.rights import Rules, licensed
from muscgen.rights.policies import spelled

TELL_S = 0.25


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be here. revision: None takes what is here already, else what the card pins, else what was
    fetched first, else the newest.

    origin: the URL of a folder with a manifest, or a folder of this machine; None is the hub.
    """

    terms: Terms
    revision: str | None = None
    origin: str | Path | None = None

    def __post_init__(self) -> None:
        if self.revision == "":  # neither none nor one: it would be fetched over what was fetched first
            raise InvalidRequest("revision is empty; a branch, a tag or a commit is needed", param="revision")

    @property
    def model(self) -> str:
        return self.terms.id

    @property
    def holds(self) -> bool:
        """To what was fetched first: nobody says which version, nor brings the files."""
        return self.revision is None and not isinstance(self.origin, Path)


@dataclass(frozen=True, slots=True)
class Stage:
    """How far it is."""

    stage: Literal["waiting", "planning", "fetching", "checking"]
    file: str = ""
    bytes_done: int = 0
    bytes_total: int = 0


@dataclass(frozen=True, slots=True)
class Pulled:
    """What is here now, and whether it was before."""

    card: Card
    record: Record | None
    fresh: bool

    @property
    def as_it_came(self) -> bool:
        """Whether the weights are those that were fetched."""
        return self.record is None or self.record.revision == self.card.revision


Tell = Callable[[Stage], None]


def pull(wish: Wish, models_path: Path, rules: Rules, patience: Patience, tell: Tell) -> Pulled:
    """Blocks for as long as it takes. Of many processes that want the same, one works and the others wait.

    Raises LicenceRefused before anything is asked of anybody; InvalidRequest, FetchFailed and its kinds,
    StoreFull, CheckpointInvalid, Cancelled: then what came is kept, and the next pull goes on with it.
    """
    shelf = Shelf(models_path)
    place = shelf.place(wish.model)
    _check_free(wish, place, models_path)
    _check_rights(wish, rules)

    def waiting() -> None:
        telemetry.event("fetch.waits", model=wish.model)
        tell(Stage("waiting"))

    with shelf.alone(wish.model, patience, waiting):
        here = _here(wish, place, models_path)
        if here is not None and wish.holds:
            return _unharmed(here)
        tell(Stage("planning"))
        first = first_of(models_path, wish.model) if wish.holds else None
        with closing(open_source(wish.terms, wish.origin, _revision(wish, first), patience)) as source:
            plan = patiently(source.plan, patience, shown(str(wish.origin or wish.model)))
            if here is not None and here.as_it_came and here.record and here.record.commit == plan.commit:
                return here
            if first is not None:  # before gigabytes come, as far as the place says their digests
                first.check(wish.model, ((item.name, item.sha256) for item in plan.items))
            bench = shelf.workbench(wish.model, plan.commit)
            shelf.check_space(_missing(plan, bench))
            kept = _fetch_all(wish, plan, source, bench, patience, tell)
        if first is not None:
            first.check(wish.model, ((file.name, file.sha256) for file in kept))
        tell(Stage("checking", bytes_done=plan.bytes, bytes_total=plan.bytes))
        record = _write_down(wish, plan, kept, bench, rules)
        path = shelf.put(bench, wish.model)
        if not isinstance(wish.origin, Path):
            files = {file.name: file.sha256 for file in kept}
            note_first(models_path, wish.model, plan.place, plan.address, plan.commit, files)
    telemetry.event("model.fetched", model=wish.model, commit=plan.commit, bytes=plan.bytes)
    return Pulled(read_card(path), record, fresh=True)


def _check_free(wish: Wish, place: Path, models_path: Path) -> None:
    """Raises InvalidRequest for an id that a model has which this may not change."""
    if wish.model in folders_by_id(BUILTIN):
        raise InvalidRequest(f"{wish.model} comes with muscgen", param="model")
    other = folders_by_id(models_path).get(wish.model)
    if other is not None and other != place:
        raise InvalidRequest(
            f"{other} calls itself {wish.model!r} already",
            param="model",
            suggestion="give it another id, or remove it",
        )


def _here(wish: Wish, place: Path, models_path: Path) -> Pulled | None:
    """What cannot be read is an error, unless it is fetched over."""
    if not (place / CARD).is_file():
        return None
    try:
        return Pulled(card_in(place, models_path), read_record(place), fresh=False)
    except CheckpointInvalid:
        if wish.holds:
            raise
        return None


def _check_rights(wish: Wish, rules: Rules) -> None:
    """Raises LicenceRefused; what a URL's manifest says is accepted where it is said."""
    try:
        rules.allow(wish.terms)
    except LicenceRefused as error:
        accept = f"muscgen models accept {wish.model}"
        if not isinstance(wish.origin, str) or wish.origin == HUB or accept not in (error.suggestion or ""):
            raise
        there = str(error.suggestion).replace(accept, f"{accept} --from {shown(wish.origin)}", 1)
        raise LicenceRefused(error.detail, param=error.param, suggestion=there) from error


def _unharmed(here: Pulled) -> Pulled:
    """Raises FilesWrong where the weights are not those that came."""
    if not here.as_it_came:
        raise FilesWrong(
            f"{here.card.id} is here, and its weights are not those that came: their SHA-256 is "
            f"{here.card.revision} now",
            param="model",
            suggestion=f"muscgen models remove {here.card.id}, and pull it again",
        )
    return here


def _revision(wish: Wish, first: First | None) -> str | None:
    hub = wish.origin in (None, "hub")
    pinned = wish.terms.revision if hub else None
    return wish.revision or pinned or (first.revision(hub=hub) if first is not None else None)


def _missing(plan: Plan, bench: Path) -> int:
    return sum(item.bytes - _come(item, bench) for item in plan.items)


def _come(item: Item, bench: Path) -> int:
    for path in (bench / item.name, bench / PARTS / item.part):
        if path.is_file():
            return min(path.stat().st_size, item.bytes)
    return 0


def _fetch_all(
    wish: Wish, plan: Plan, source: Source, bench: Path, patience: Patience, tell: Tell
) -> tuple[Kept, ...]:
    come = {item.name: _come(item, bench) for item in plan.items}
    telemetry.event(
        "model.fetching",
        model=wish.model,
        place=plan.place,
        commit=plan.commit,
        bytes=plan.bytes,
        come=sum(come.values()),
    )
    told_at = 0.0
    kept = []
    for item in plan.items:

        def count(bytes_: int, item: Item = item) -> None:
            nonlocal told_at
            come[item.name] = bytes_
            if (now := time.monotonic()) - told_at >= TELL_S or bytes_ == item.bytes:
                told_at = now
                tell(Stage("fetching", item.name, sum(come.values()), plan.bytes))

        sha256 = fetch(item, source, bench, patience, count)
        modified_ns = (bench / item.name).stat().st_mtime_ns
        kept.append(Kept(name=item.name, bytes=item.bytes, sha256=sha256, modified_ns=modified_ns))
        telemetry.event("fetch.file", model=wish.model, file=item.name, bytes=item.bytes, sha256=sha256)
    return tuple(kept)


def _write_down(wish: Wish, plan: Plan, kept: tuple[Kept, ...], bench: Path, rules: Rules) -> Record:
    """Card and record; the checkpoint is read by them, so that what cannot be run never gets its place."""
    if not any(file.name == CARD for file in kept):
        write(bench / CARD, card_text(wish.terms, bench).encode())
    card = read_card(bench)
    if card.id != wish.model:
        raise InvalidRequest(f"what is there calls itself {card.id!r}", param="model", suggestion=card.id)
    if spelled(card.license) != spelled(wish.terms.license):
        raise InvalidRequest(
            f"the card there says {card.license!r}, not {wish.terms.license!r}", param="license"
        )
    rules.allow(card)
    terms = licensed(card)
    accepted = rules.acceptances.of(terms.id, terms.text)
    record = Record(
        place=plan.place,
        address=plan.address,
        asked=plan.asked,
        commit=plan.commit,
        revision=card.revision,
        license=card.license,
        accepted=accepted
        and Acceptance(person=accepted.person, at=accepted.at, text_sha256=accepted.text_sha256),
        at=time.time(),
        files=kept,
    )
    write(bench / RECORD, record.model_dump_json(indent=1).encode())
    return record
