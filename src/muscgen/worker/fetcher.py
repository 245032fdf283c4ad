"""Models that are fetched for their first job, one at a time, in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Container
from functools import partial

from muscgen.fetching.patience import Patience
from muscgen.fetching.places import is_offline, origin_of
from muscgen.fetching.pull import Pulled, Stage, Tell, Wish, pull
from muscgen.fetching.shelf import written
from muscgen.models.terms import shipped
from muscgen.rights import Rules
from muscgen.settings import Settings


class Fetcher:
    """`stop` ends what is under way; what came of it is kept for the next time."""

    def __init__(self, settings: Settings, rules: Rules) -> None:
        self._settings, self._rules = settings, rules
        self._stop = threading.Event()
        self._stage = Stage("waiting")

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes that are here, and of all, of what is fetched for its first job."""
        return self._stage.bytes_done, self._stage.bytes_total

    def able(self, here: Container[str]) -> list[str]:
        """What would be fetched for its first job: known by name, permitted and accepted, and not here."""
        if not self._settings.fetch_on_use or is_offline(self._settings.models_from):
            return []
        only = self._settings.models
        return [
            model
            for model, terms in shipped().items()
            if model not in here and (not only or model in only) and self._rules.permits(terms)
        ]

    async def fetch(self, model: str) -> None:
        """Raises what `pull` does."""
        self._stage = Stage("waiting")
        wish = Wish(shipped()[model], origin=origin_of(model, self._settings.models_from))
        await self.pull(wish, stop=self._stop, tell=self._tell)

    async def pull(self, wish: Wish, *, stop: threading.Event, tell: Tell) -> Pulled:
        """Any wish. Raises what `muscgen.fetching.pull` does, and StoreUnavailable."""
        path = self._settings.models_path
        with written(path):
            work = partial(pull, wish, path, self._rules, Patience(stop=stop), tell)
            return await asyncio.to_thread(work)

    def stop(self) -> None:
        self._stop.set()

    def _tell(self, stage: Stage) -> None:
        self._stage = stage
