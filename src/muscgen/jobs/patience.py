"""Clients of a server and of a cluster that look alike, and wait for a reply, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import redis.asyncio
from redis import exceptions
from redis.asyncio.cluster import RedisCluster

REPLY_LIMIT_S = 4.0  # a hung server; those of a slow disk answer within two
Arguments = tuple[Any, ...]


class Impatient(redis.asyncio.Redis):
    """A client that waits `REPLY_LIMIT_S` for a reply, and for a command that blocks that much longer."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  what Redis answers
        """Raises TimeoutError of redis-py after that time; the connection is thrown away then."""
        try:
            async with asyncio.timeout(REPLY_LIMIT_S + _blocks_s(args)):
                return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise exceptions.TimeoutError("no reply in time") from None

    async def pop_any(self, keys: Sequence[str], timeout_s: float) -> bool:
        """Whether something was popped from one of the lists before the time was over."""
        return await self.blpop(list(keys), timeout_s) is not None

    async def infos(self, section: str) -> list[dict[str, Any]]:
        """What INFO says, of each server that takes writes."""
        return [dict(await self.info(section))]

    async def together(self, _key: str, *commands: Arguments) -> list[Any]:
        """Commands on one connection to the server of the key, and their answers, errors among them."""
        pipe = self.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(await pipe.execute(raise_on_error=False))


class ImpatientCluster(RedisCluster):
    """The same of a Redis Cluster, where each slot is waited for by itself."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """As `Impatient.execute_command`."""
        try:
            async with asyncio.timeout(REPLY_LIMIT_S + _blocks_s(args)):
                return await super().execute_command(*args, **options)
        except TimeoutError:
            raise exceptions.TimeoutError("no reply in time") from None

    async def pop_any(self, keys: Sequence[str], timeout_s: float) -> bool:
        """As `Impatient.pop_any`. A token that a second list gives at that moment is lost."""
        waiting = [asyncio.ensure_future(self.blpop([key], timeout_s)) for key in keys]
        try:
            for next_one in asyncio.as_completed(waiting):
                if await next_one is not None:
                    return True
            return False
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def infos(self, section: str) -> list[dict[str, Any]]:
        """As `Impatient.infos`."""
        await self.initialize()
        return [dict(await self.info(section, target_nodes=node)) for node in self.get_primaries()]

    async def together(self, key: str, *commands: Arguments) -> list[Any]:
        """As `Impatient.together`."""
        await self.initialize()
        node = self.get_node_from_key(key)
        pipe = self.pipeline()
        for command in commands:
            pipe.execute_command(*command, target_nodes=[node])
        return list(await pipe.execute(raise_on_error=False))


def _blocks_s(command: Sequence[Any]) -> float:
    """How long a command may wait at the server, as it says itself."""
    if command[0] == "BLPOP":
        return float(command[-1])
    return int(command[command.index(b"BLOCK") + 1]) / 1000 if b"BLOCK" in command else 0.0
