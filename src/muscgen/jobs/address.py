"""Where the queue is.

redis://[user:password@]host[:port][/db]        one server; rediss:// over TLS
unix:///path/to/socket[?db=n]                   one server of this machine
redis+cluster://host[:port][,host[:port]…]      a Redis Cluster, found from any of its nodes
redis+sentinel://host[:port][,…]/service[/db]   the master that these Sentinels name

rediss+cluster:// and rediss+sentinel:// speak TLS to all of them. User and password are the servers'; those
of Sentinels are `?sentinel_username=` and `?sentinel_password=`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from muscgen.errors import ConfigurationError

Kind = Literal["server", "cluster", "sentinel"]
PORT = 6379
SENTINEL_PORT = 26_379
_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}


def _truth(text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "0", "false", "no"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in ("1", "true", "yes")


_TLS: dict[str, Callable[[str], Any]] = {
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_cert_reqs": str,
    "ssl_check_hostname": _truth,
}
_SENTINEL: dict[str, Callable[[str], Any]] = {"sentinel_username": str, "sentinel_password": str}


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL. `options` go to each connection, `sentinel` to those of the Sentinels."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...]  # none for a socket
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel: dict[str, Any] = field(default_factory=dict, repr=False)
    service: str = ""
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises ConfigurationError for a URL that is none; what it says holds no password."""
        try:
            return _parse(url)
        except ValueError as error:
            raise ConfigurationError(
                f"not a Redis URL: {error}", param="redis_url", suggestion=f"{', '.join(_SCHEMES)}"
            ) from None


def _parse(url: str) -> Address:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"it begins with none of {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
    kind, tls = _SCHEMES[parts.scheme]
    login, _, places = parts.netloc.rpartition("@")
    options = _login(login)
    known = {"db": int} | (_TLS if tls else {}) | (_SENTINEL if kind == "sentinel" else {})
    given = _query(parts.query, known)
    sentinel = {name.removeprefix("sentinel_"): given.pop(name) for name in _SENTINEL if name in given}
    options |= given
    if parts.scheme == "unix":
        return Address(kind, (), options | {"unix_socket_path": unquote(parts.path)})
    hosts = tuple(_host(place, SENTINEL_PORT if kind == "sentinel" else PORT) for place in places.split(","))
    path = [unquote(part) for part in parts.path.split("/") if part]
    service = path.pop(0) if kind == "sentinel" and path else ""
    if path:
        options["db"] = _database(path)
    _check(kind, hosts, service, options)
    return Address(kind, hosts, options, sentinel, service, tls)


def _check(kind: Kind, hosts: tuple[tuple[str, int], ...], service: str, options: dict[str, Any]) -> None:
    if kind == "server" and len(hosts) > 1:
        raise ValueError("it names several servers; redis+cluster:// or redis+sentinel:// may")
    if kind == "sentinel" and not service:
        raise ValueError("it does not say which master: redis+sentinel://host:port/service")
    if kind == "cluster" and options.pop("db", 0):
        raise ValueError("a cluster has database 0 alone")


def _login(text: str) -> dict[str, Any]:
    user, _, password = text.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in given.items() if value}


def _query(text: str, known: dict[str, Callable[[str], Any]]) -> dict[str, Any]:
    given = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in known:
            raise ValueError(f"{name!r} is not known here; {', '.join(known)} are")
        given[name] = known[name](value)
    return given


def _host(place: str, usual: int) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    return parts.hostname or "localhost", parts.port or usual


def _database(path: list[str]) -> int:
    if len(path) > 1 or not path[0].isdecimal():
        raise ValueError(f"{'/'.join(path)!r} is not the number of a database")
    return int(path[0])
