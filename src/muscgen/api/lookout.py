"""Notices models that come, go or change while the API runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from muscgen.models.registry import Registry

LOOK_S = 1.0


class Lookout:
    """Looks at most every LOOK_S, when somebody asks; others go on meanwhile with what was seen last."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._looked_at = clock()
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Whoever looks waits, for a thread: a folder that was made by hand is read whole for its digest."""
        if self._clock() - self._looked_at < LOOK_S or self._looking.locked():
            return
        async with self._looking:
            await asyncio.to_thread(self._registry.refresh)
            self._looked_at = self._clock()
