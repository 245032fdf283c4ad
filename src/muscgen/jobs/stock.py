"""Which models are asked for, and which are on their way: between workers, and for those who wait."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Literal

from muscgen.jobs.base import QueueBase, ms
from muscgen.jobs.connect import outages

COMING_S = 5.0  # said again every second while it is so


@dataclass(frozen=True, slots=True)
class Coming:
    """A worker is at it. done, total: bytes of a fetch; 0 where nobody counts."""

    worker: str
    stage: Literal["fetching", "loading"]
    done: int = 0
    total: int = 0

    @classmethod
    def read(cls, said: bytes) -> Coming:
        """What a newer version says beyond this is left out."""
        told = json.loads(said)
        return cls(**{field.name: told[field.name] for field in fields(cls) if field.name in told})


class Stocking(QueueBase):
    """Every method raises QueueUnavailable while Redis does not answer."""

    async def wanted(self, models: Iterable[str]) -> list[str]:
        """Those of the models that jobs wait for, in the given order; not those that are paused."""
        order = list(models)
        with outages():
            async with self.redis.pipeline(transaction=False) as pipe:
                for model in order:
                    pipe.zcard(self._keys(model).queue)
                    pipe.exists(self._keys(model).paused)
                found = await pipe.execute() if order else []
        waiting, paused = found[::2], found[1::2]
        return [
            model
            for model, count, stopped in zip(order, waiting, paused, strict=True)
            if count and not stopped
        ]

    async def announce(self, model: str, coming: Coming) -> None:
        """Say that it comes; forgotten after COMING_S."""
        with outages():
            await self.redis.set(self._keys(model).coming, json.dumps(asdict(coming)), px=ms(COMING_S))

    async def arrived(self, model: str) -> None:
        """It is here, or does not come."""
        with outages():
            await self.redis.delete(self._keys(model).coming)

    async def coming(self, model: str) -> Coming | None:
        """What a worker said last."""
        with outages():
            said = await self.redis.get(self._keys(model).coming)
        return None if said is None else Coming.read(said)
