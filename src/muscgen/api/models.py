"""A model as clients see it: its card, its rights, and where it is now."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from muscgen.api.house import House
from muscgen.api.parameters import model_document
from muscgen.errors import ModelNotFound, QueueUnavailable
from muscgen.jobs.job import Holding
from muscgen.models.card import Card
from muscgen.models.terms import Terms, shipped

# loaded: in a worker's memory. here: a worker loads it for its next job. fetching, loading: it comes.
# on_use: a worker fetches it for its first job. absent: known by name. unknown: Redis does not answer.


async def listed(house: House) -> dict[str, Any]:
    """What is here, and what is known by name beside it."""
    here = house.registry.list()
    ids = {card.id for card in here}
    absent = [terms for terms in shipped().values() if terms.id not in ids]
    models: list[Card | Terms] = [*here, *absent]
    # At once, for a Redis that hangs is waited for in each.
    documents = await asyncio.gather(*(told(model, house) for model in models))
    return {
        "object": "list",
        "default": house.settings.default_model,
        "data": documents[: len(here)],
        "known": documents[len(here) :],
    }


def found_in(model: str, house: House) -> Card | Terms:
    """The card of what is here, or what is known by name. Raises ModelNotFound."""
    try:
        return house.registry.get(model)
    except ModelNotFound:
        if model in shipped():
            return shipped()[model]
        raise


async def told(model: Card | Terms, house: House) -> dict[str, Any]:
    """One model, its state, and the workers that have to do with it."""
    is_here = isinstance(model, Card)
    document = model_document(model) if isinstance(model, Card) else model.to_public() | {"object": "model"}
    document |= {"rights": house.rules.standing(model)}
    try:
        workers = await house.queue.workers(model.id)
        coming = await house.queue.coming(model.id)
    except QueueUnavailable:
        return document | {"state": "unknown", "workers": [], "coming": None}
    state = coming.stage if coming else _state({worker.holds for worker in workers}, is_here=is_here)
    shown = [{"id": worker.id, "holds": worker.holds, "slots": worker.slots} for worker in workers]
    return document | {"state": state, "workers": shown, "coming": coming and asdict(coming)}


def _state(holds: set[Holding], *, is_here: bool) -> str:
    if "loaded" in holds:
        return "loaded"
    if "here" in holds or is_here:
        return "here"
    return "on_use" if "absent" in holds else "absent"
