"""Events as they are sent, written once for all who follow a job."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

MOST_KEPT = 512  # the last events of some hundred jobs; one that ends a job has 2 to 20 kB

Key = tuple[str, ...]


class Frames:
    """The last texts that were written, by what they say. Only in the loop's thread."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Key, asyncio.Task[bytes]] = OrderedDict()

    async def of(self, key: Key, write: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """The text; `write` is called where nobody has yet. Raises what it raises, to all who wait."""
        writing = self._kept.get(key)
        if writing is None:
            writing = self._kept[key] = asyncio.create_task(write())
            writing.add_done_callback(lambda task: self._judge(key, task))
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if writing.done():
            return writing.result()
        return await asyncio.shield(writing)  # one listener that leaves stops it for nobody

    def _judge(self, key: Key, task: asyncio.Task[bytes]) -> None:
        """What failed is tried again by the next."""
        if (task.cancelled() or task.exception() is not None) and self._kept.get(key) is task:
            del self._kept[key]
