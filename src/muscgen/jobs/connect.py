"""Clients of Redis or Valkey, set up so that a wait can be cancelled and an outage is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import redis
import redis.asyncio
from redis import exceptions
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from muscgen.errors import ConfigurationError, QueueUnavailable

HEALTH_CHECK_S = 15
CONNECT_TIMEOUT_S = 5.0
REPLY_LIMIT_S = 4.0  # a hung server; those of a slow disk answer within two
MAX_CONNECTIONS = 10_000  # each event stream holds one while it waits
RETRIES = 3  # 0.05 to 0.5 s apart: a restart of the server, not an outage
OUTAGE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,  # a fail-over is under way
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    OSError,
)
# The first word of an error reply is its code.
OUTAGE_CODES = frozenset({"MISCONF", "NOREPLICAS", "MASTERDOWN", "BUSY", "TRYAGAIN"})
AWAY = "the job queue does not answer"


def connect(url: str) -> redis.asyncio.Redis:
    """A client; nothing is sent yet, so call `check_server` before trusting jobs to it.

    Raises ConfigurationError for a URL that is none.
    """
    # socket_timeout=None: with a timeout redis-py swallows a cancellation that lands as a reply does.
    retry = AsyncRetry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES)
    with _sound_url():
        return Impatient.from_url(url, socket_timeout=None, retry=retry, **_options(url))


class Impatient(redis.asyncio.Redis):
    """A client that waits `REPLY_LIMIT_S` for a reply, and for a command that blocks that much longer."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  what Redis answers
        """Raises TimeoutError of redis-py after that time; the connection is thrown away then."""
        try:
            async with asyncio.timeout(REPLY_LIMIT_S + _blocks_s(args)):
                return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise exceptions.TimeoutError("no reply in time") from None


def _blocks_s(command: Sequence[Any]) -> float:
    """How long a command may wait at the server, as it says itself."""
    if command[0] == "BLPOP":
        return float(command[-1])
    return int(command[command.index(b"BLOCK") + 1]) / 1000 if b"BLOCK" in command else 0.0


def connect_blocking(url: str, timeout_s: float) -> redis.Redis:
    """A client for a thread: no retries of its own, and an answer or an error within `timeout_s`."""
    with _sound_url():
        return redis.Redis.from_url(
            url, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0), **_options(url)
        )


async def check_server(client: redis.asyncio.Redis, *, durable: bool = True) -> None:
    """Raise ConfigurationError if the server may evict or forget jobs, QueueUnavailable if it is away.

    `durable=False` accepts such a server.
    """
    try:
        with outages():
            memory = await client.info("memory")
            persistence = await client.info("persistence")
    except QueueUnavailable as error:
        if isinstance(error.__cause__, exceptions.AuthenticationError):
            raise ConfigurationError("Redis refuses the user or the password", param="redis_url") from error
        raise
    if not durable:
        return
    if (policy := memory.get("maxmemory_policy")) != "noeviction":
        raise ConfigurationError(
            f"Redis would evict jobs: maxmemory-policy is {policy}",
            param="redis_url",
            suggestion="set maxmemory-policy noeviction",
        )
    if not persistence.get("aof_enabled"):
        raise ConfigurationError(
            "Redis would forget jobs when it restarts: appendonly is no",
            param="redis_url",
            suggestion="set appendonly yes and appendfsync everysec",
        )


@contextlib.contextmanager
def outages() -> Iterator[None]:
    """Turn what redis-py raises while the server is away into QueueUnavailable."""
    try:
        yield
    except OUTAGE as error:
        raise QueueUnavailable(AWAY, retry_after_s=1.0) from error
    except exceptions.ResponseError as error:
        if str(error).partition(" ")[0] in OUTAGE_CODES:
            raise QueueUnavailable(AWAY, retry_after_s=1.0) from error
        raise


@contextlib.contextmanager
def _sound_url() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(f"not a Redis URL: {error}", param="redis_url") from error


def _options(url: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "health_check_interval": HEALTH_CHECK_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "max_connections": MAX_CONNECTIONS,
    }
    if not url.startswith("unix:"):
        options |= {"socket_keepalive": True, "socket_keepalive_options": _keepalive()}
    return options


def _keepalive() -> dict[int, int]:
    """A silent peer is given up after 15 + 3 x 5 s, where the system lets us say so."""
    wanted = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
