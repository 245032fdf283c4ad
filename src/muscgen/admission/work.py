"""Which requests are one piece of work: those of one tenant that come to the same song."""

from __future__ import annotations

import asyncio
import hashlib

from muscgen.admission.principals import Principal
from muscgen.artifacts import Store
from muscgen.errors import ArtifactNotFound
from muscgen.jobs.queue import Queue
from muscgen.models.card import Card
from muscgen.request import SongRequest

_NO_PART = {"delivery", "metadata", "cache"}  # of the song; its rights are: a revoked consent is no cache's


def work_of(request: SongRequest, card: Card, principal: Principal) -> str:
    """The name of the request's work; '' where it wants a song of its own."""
    if request.cache == "off":
        return ""
    parts = (principal.id, card.revision, request.model_dump_json(exclude=_NO_PART))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


async def still_kept(request: SongRequest, work: str, store: Store, queue: Queue) -> None:
    """Strike the kept result of equal work if it is to be made anew, or its files have gone."""
    if not work or (kept := await queue.cached(request.model, work)) is None:
        return
    if request.cache == "refresh" or not await asyncio.to_thread(_all_there, kept["outputs"], store):
        await queue.forget(request.model, work)


def _all_there(outputs: list[dict[str, dict[str, str]]], store: Store) -> bool:
    try:
        for output in outputs:
            store.get(output["artifact"]["id"])
    except ArtifactNotFound:
        return False
    return True
