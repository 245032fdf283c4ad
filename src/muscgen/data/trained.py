"""Which models were made of which manifests: models.jsonl of a prepared set, and an installation's cards.

A line of models.jsonl: {"model": id, "manifest": sha256, "path": where it is written, "revision": of its
weights, "at": Unix seconds}. Whoever trains adds one before the first weight is saved, and puts the
manifest's hash on the model's card (`manifests`). A model that was trained has such a file too, with the
models that were made of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from muscgen import telemetry
from muscgen.data import place as files
from muscgen.data.place import Place
from muscgen.models.card import Card


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that learnt from a manifest. `path` and `revision` may be empty: it was never finished."""

    model: str
    manifest: str
    path: str = ""
    revision: str = ""
    at: float = 0.0


def register(data: Path, model: str, manifest: str, *, path: Path, revision: str = "") -> Trained:
    """Write down that a model learns from a manifest; durable on return. Raises OSError."""
    line = Trained(model, manifest, str(path.absolute()), revision, round(time.time(), 3))
    files.append(Place(data).models, asdict(line))
    return line


def descends(base: Card, model: str, *, path: Path) -> None:
    """Write down with a base that learnt from manifests that a model is made of it.

    A base that cannot be written to is warned of: then the model's own card alone tells.
    """
    for manifest in base.stated.manifests:
        try:
            register(base.path, model, manifest, path=path)
        except OSError as error:
            telemetry.warning("training.base_not_told", base=base.id, model=model, reason=str(error))
            return


def models_of(place: Place, manifests: Collection[str], cards: Iterable[Card] = ()) -> list[Trained]:
    """Models that learnt from one of the manifests, or were made of one that did, each once."""
    found: dict[tuple[str, str], Trained] = {}
    places, seen = [place], {place.folder}
    while places:
        for line in _lines(places.pop()):
            if line.manifest in manifests:
                found.setdefault((line.model, line.manifest), line)
                if line.path and (folder := Path(line.path)) not in seen:
                    seen.add(folder)
                    places.append(Place(folder))
    for card in cards:
        for manifest in card.stated.manifests:
            if manifest in manifests:
                line = Trained(card.id, manifest, str(card.adapter or card.path), card.revision)
                found.setdefault((card.id, manifest), line)
    return list(found.values())


def _lines(place: Place) -> Iterator[Trained]:
    for fields in files.lines(place.models):
        yield Trained(**{name: fields[name] for name in Trained.__dataclass_fields__ if name in fields})
