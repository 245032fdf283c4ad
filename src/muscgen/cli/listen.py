"""Where the API listens."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn

from muscgen.errors import ConfigurationError

BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A listening place; port 0 takes a free one. Raises ConfigurationError when it is taken or not ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        place = socket.socket(family, kind, protocol)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
        place.listen(BACKLOG)  # now, so that a second service fails here and not later
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            param="port",
            suggestion="another --port, or --port 0 for a free one",
        ) from error
    place.setblocking(False)
    return place


def url_of(place: socket.socket) -> str:
    """What a client on this machine types."""
    host, port = place.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nosec B104  a comparison
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def unforeseen(record: logging.LogRecord) -> bool:
    """A filter for uvicorn's log: connections that we cut on purpose are told by the API itself."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ConnectionAbortedError)


class Server(uvicorn.Server):
    """Uvicorn, whose owner sees to signals: the worker is drained before the connections are closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def hang_up(self) -> None:
        """Close connections that are still open, such as event streams of jobs that wait."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.close()
