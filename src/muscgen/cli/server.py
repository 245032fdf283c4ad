"""Which service a command asks, if any: `muscgen --server URL`, MUSCGEN_SERVER, MUSCGEN_API_KEY."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muscgen.errors import InvalidRequest

if TYPE_CHECKING:
    from muscgen.client import Client

HERE = "here"  # works on this machine, whatever the environment says
USUAL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Server:
    """A service at a URL, and the API key for it."""

    url: str
    key: str | None = None

    def client(self) -> Client:
        """To be closed by whoever asks for it. Raises InvalidRequest for what is no address."""
        from muscgen.client import Client

        return Client(self.url, key=self.key)


@dataclass(slots=True)
class _Chosen:
    """What the present command was called with."""

    server: Server | None = None
    key: str | None = None


_chosen = _Chosen()


def choose(url: str | None, key: str | None) -> None:
    """Keep what the command line and the environment say of a service."""
    given = None if url in (None, "", HERE) else url
    _chosen.server = None if given is None else Server(given, key or None)
    _chosen.key = key or None


def chosen() -> Server | None:
    """The service to ask; None: the command works on this machine."""
    return _chosen.server


def chosen_key() -> str | None:
    """The API key of the environment or the command line, for commands with an address of their own."""
    return _chosen.key


def server_of(url: str | None, key: str | None) -> Server | None:
    """The same for commands with --url and --key of their own, which win. Raises InvalidRequest."""
    if url is not None:
        return Server(url, key or _chosen.key)
    if _chosen.server is None and key is not None:
        raise InvalidRequest("--key is for --url", param="--key")
    return _chosen.server and Server(_chosen.server.url, key or _chosen.server.key)


@contextmanager
def there(**here: object) -> Iterator[Client | None]:
    """A client of the chosen service; None where the command works on this machine.

    here: options that are for this machine alone, by their names. Raises InvalidRequest for one at a service.
    """
    server = chosen()
    if server is None:
        yield None
        return
    for name, value in here.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise InvalidRequest(f"{option} is for this machine, not for {server.url}", param=option)
    with server.client() as client:
        yield client


@contextmanager
def asking(why: str) -> Iterator[Client]:
    """A client of the service, for commands that there is only for one. Raises InvalidRequest."""
    server = chosen()
    if server is None:
        raise InvalidRequest(why, param="--server", suggestion=f"muscgen --server {USUAL} ...")
    with server.client() as client:
        yield client


def refuse_server() -> None:
    """Raises InvalidRequest where a service was chosen for a command that works on this machine alone."""
    if _chosen.server is not None:
        raise InvalidRequest(
            f"this command works on this machine, and not at {_chosen.server.url}",
            param="--server",
            suggestion=f"run it where the service runs, with --server {HERE} or without MUSCGEN_SERVER",
        )
