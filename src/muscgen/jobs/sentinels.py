"""The master that Sentinels name, for coroutines and for threads; all who were named go on being asked.

redis-py puts whoever answered to the front by numbers from before it waited: where two ask at once and the
first is silent, that one is overwritten, never asked again and never closed.
"""

from __future__ import annotations

from typing import Any

import redis
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import Sentinel

from muscgen.jobs.patience import Impatient


class _Named:
    """Keeps all who were named in the list, the one that answered last first."""

    sentinels: list[Any]

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  as redis-py's
        super().__init__(*arguments, **options)
        self._named = tuple(self.sentinels)

    def _keep_all(self) -> None:
        self.sentinels = list(dict.fromkeys([*self.sentinels, *self._named]))


class Sentinels(_Named, AsyncSentinel):
    """For coroutines."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port. Raises MasterNotFoundError of redis-py."""
        try:
            host, port = await super().discover_master(service_name)
            return host, port
        finally:
            self._keep_all()


class BlockingSentinels(_Named, Sentinel):
    """For threads."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port. Raises MasterNotFoundError of redis-py."""
        try:
            host, port = super().discover_master(service_name)  # type: ignore[no-untyped-call]
            return host, port
        finally:
            self._keep_all()


class ImpatientLed(Impatient):
    """A client of the master; it closes the Sentinels' connections with its own."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await self.connection_pool.sentinel_manager.aclose()  # type: ignore[attr-defined]


class Led(redis.Redis):
    """The same for threads."""

    def close(self) -> None:
        super().close()
        for sentinel in self.connection_pool.sentinel_manager.sentinels:  # type: ignore[attr-defined]
            sentinel.close()
