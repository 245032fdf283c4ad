"""Clients of Redis or Valkey, set up so that a wait can be cancelled and an outage is noticed."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any, cast

import redis
from redis import exceptions
from redis.asyncio.cluster import ClusterNode as AsyncNode
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry

from muscgen.errors import ConfigurationError, QueueUnavailable
from muscgen.jobs.address import Address
from muscgen.jobs.patience import Impatient, ImpatientCluster
from muscgen.jobs.sentinels import BlockingSentinels, ImpatientLed, Led, Sentinels

HEALTH_CHECK_S = 15
CONNECT_TIMEOUT_S = 5.0
SENTINEL_LIMIT_S = 1.0
WAITAOF_SINCE = (7, 2)
MAX_CONNECTIONS = 10_000  # each event stream holds one while it waits
RETRIES = 3  # 0.05 to 0.5 s apart: a restart of the server, not an outage
OUTAGE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,  # a fail-over is under way
    exceptions.OutOfMemoryError,
    exceptions.ClusterError,
    exceptions.RedisClusterException,  # none of its nodes answers, or nobody has a slot
    OSError,
)
# The first word of an error reply is its code.
OUTAGE_CODES = frozenset({"MISCONF", "NOREPLICAS", "MASTERDOWN", "BUSY", "TRYAGAIN"})
AWAY = "the job queue does not answer"
Client = Impatient | ImpatientCluster
Blocking = redis.Redis | RedisCluster


def connect(url: str) -> Client:
    """A client; nothing is sent yet, so call `check_server` before trusting jobs to it.

    url: one of the forms in `muscgen.jobs.address`. Raises ConfigurationError for a URL that is none.
    """
    address = Address.parse(url)
    retry = AsyncRetry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES)
    # socket_timeout=None: with a timeout redis-py swallows a cancellation that lands as a reply does.
    options = _options(address) | {"retry": retry, "socket_timeout": None}
    match address.kind:
        case "cluster":
            nodes = [AsyncNode(host, port) for host, port in address.hosts]
            return ImpatientCluster(startup_nodes=nodes, **options)
        case "sentinel":
            asking = _of_sentinels(address) | {"retry": AsyncRetry(NoBackoff(), 0)}
            sentinels = Sentinels(address.hosts, sentinel_kwargs=asking, **options)
            return cast("Client", sentinels.master_for(address.service, redis_class=ImpatientLed))
        case _:
            return Impatient(**_place(address), **options)


def connect_blocking(url: str, timeout_s: float) -> Blocking:
    """A client for a thread: no retries of its own, and an answer or an error within `timeout_s`.

    That of a cluster looks for it at once. Raises QueueUnavailable when it is away.
    """
    address = Address.parse(url)
    limits = {"socket_timeout": timeout_s, "socket_connect_timeout": min(timeout_s, CONNECT_TIMEOUT_S)}
    options = _options(address) | limits | {"retry": Retry(NoBackoff(), 0)}
    match address.kind:
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]
            with outages():
                return RedisCluster(startup_nodes=nodes, **options)
        case "sentinel":
            asking = _of_sentinels(address) | {"retry": Retry(NoBackoff(), 0)}
            sentinels = BlockingSentinels(address.hosts, sentinel_kwargs=asking, **options)
            return cast("Blocking", sentinels.master_for(address.service, redis_class=Led))  # type: ignore[no-untyped-call]
        case _:
            return redis.Redis(**_place(address), **options)


async def check_server(client: Client, *, durable: bool = True, waits_for_disk: bool = False) -> None:
    """Raise ConfigurationError if a server may evict or forget jobs, QueueUnavailable if one is away.

    durable: False accepts such a server. waits_for_disk: WAITAOF is wanted.
    """
    try:
        with outages():
            found = [await client.infos(section) for section in ("memory", "persistence", "server")]
    except QueueUnavailable as error:
        why = list(_chain(error))
        if any(isinstance(cause, exceptions.AuthenticationError) for cause in why):
            raise ConfigurationError("Redis refuses the user or the password", param="redis_url") from error
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in why):
            raise ConfigurationError(
                "the certificate of Redis is not one that is trusted here",
                param="redis_url",
                suggestion="?ssl_ca_certs=/path/to/ca.pem",
            ) from error
        raise
    except exceptions.ResponseError as error:  # no permission, or its protected mode
        raise ConfigurationError(f"Redis refuses to be looked at: {error}", param="redis_url") from error
    for memory, persistence, server in zip(*found, strict=True):
        if durable:
            _check_durable(memory, persistence)
        if waits_for_disk and _version(server["redis_version"]) < WAITAOF_SINCE:
            raise ConfigurationError(
                f"Redis {server['redis_version']} cannot say when the disk has a job",
                param="queue_sync_disk",
                suggestion="Redis 7.2 or newer, or Valkey",
            )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _check_durable(memory: dict[str, Any], persistence: dict[str, Any]) -> None:
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


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def _place(address: Address) -> dict[str, Any]:
    return {"host": address.hosts[0][0], "port": address.hosts[0][1]} if address.hosts else {}


def _options(address: Address) -> dict[str, Any]:
    """Of each connection to a server."""
    options = address.options | {
        "health_check_interval": HEALTH_CHECK_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "max_connections": MAX_CONNECTIONS,
    }
    return options | _wire(address)


def _of_sentinels(address: Address) -> dict[str, Any]:
    """Of each connection to a Sentinel. One that hangs, or is gone, must leave time to ask the next."""
    limits = {"socket_timeout": SENTINEL_LIMIT_S, "socket_connect_timeout": SENTINEL_LIMIT_S}
    tls = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
    return address.sentinel | limits | tls | _wire(address)


def _wire(address: Address) -> dict[str, Any]:
    if not address.hosts:
        return {}
    keepalive = {"socket_keepalive": True, "socket_keepalive_options": _keepalive()}
    return keepalive | ({"ssl": True} if address.tls else {})


def _keepalive() -> dict[int, int]:
    """A silent peer is given up after 15 + 3 x 5 s, where the system lets us say so."""
    wanted = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
