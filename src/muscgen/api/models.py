"""A model as clients see it: its card, its rights, and where it is now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from muscgen.api.house import House
from muscgen.api.parameters import model_document
from muscgen.errors import ModelNotFound, QueueUnavailable
from muscgen.models.card import Card
from muscgen.models.terms import Terms, shipped

# loaded: in a worker's memory. here: a worker loads it for its next job. fetching, loading: it comes.
# on_use: a worker fetches it for its first job. absent: known by name. unknown: Redis does not answer.


async def listed(house: House) -> dict[str, Any]:
    """What is here, and what is known by name beside it."""
    here = house.registry.list()
    ids = {card.id for card in here}
    absent = [terms for terms in shipped().values() if terms.id not in ids]
    return {
        "object": "list",
        "default": house.settings.default_model,
        "data": [_document(card, house) | {"state": await state_of(card.id, house)} for card in here],
        "known": [_known(terms, house) | {"state": await state_of(terms.id, house)} for terms in absent],
    }


async def shown(model: str, house: House) -> dict[str, Any]:
    """One model, with the workers that have to do with it. Raises ModelNotFound."""
    found = found_in(model, house)
    document = _document(found, house) if isinstance(found, Card) else _known(found, house)
    try:
        workers = [asdict(worker) for worker in await house.queue.workers(model)]
        coming = await house.queue.coming(model)
    except QueueUnavailable:
        workers, coming = [], None
    state = {"state": await state_of(model, house)}
    return document | state | {"workers": workers, "coming": coming and asdict(coming)}


def found_in(model: str, house: House) -> Card | Terms:
    """The card of what is here, or what is known by name. Raises ModelNotFound."""
    try:
        return house.registry.get(model)
    except ModelNotFound:
        if model in shipped():
            return shipped()[model]
        raise


async def state_of(model: str, house: House) -> str:
    """In one word."""
    try:
        if (coming := await house.queue.coming(model)) is not None:
            return coming.stage
        holds = {worker.holds for worker in await house.queue.workers(model)}
    except QueueUnavailable:
        return "unknown"
    if "loaded" in holds:
        return "loaded"
    if "here" in holds or any(card.id == model for card in house.registry.list()):
        return "here"
    return "on_use" if "absent" in holds else "absent"


def _document(card: Card, house: House) -> dict[str, Any]:
    return model_document(card) | {"rights": house.rules.standing(card)}


def _known(terms: Terms, house: House) -> dict[str, Any]:
    return terms.to_public() | {"object": "model", "rights": house.rules.standing(terms)}
