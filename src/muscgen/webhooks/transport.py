"""The way out: names are resolved once, here, and what was looked at is connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import httpx

from muscgen.webhooks.addresses import is_public

MOST_ADDRESSES: Final = 4  # of one name, each tried in turn
LOOKUPS: Final = 16  # at once

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  # host, port -> addresses


class Refused(httpx.TransportError):
    """The name stands for an address that is not public."""


class Lookup:
    """The system's resolver, in threads of its own: a slow name server holds up nothing but other names."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="muscgen-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host, in the system's order. Raises httpx.ConnectError where there are none."""
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("the host's name cannot be resolved") from error
        return list(dict.fromkeys(str(place[4][0]) for place in found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to public addresses alone, unless `allow_private`; no proxies, no connection is used twice.

    Host and TLS stay those of the name: the certificate must be the name's.
    """

    def __init__(
        self, *, allow_private: bool, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_private = allow_private
        self._lookup = Lookup()
        self._resolve = resolve or self._lookup
        # A kept connection belongs to an address, and two names may share that.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=tls or trusted(), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises Refused, and httpx's errors."""
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = await self._resolve(host, port)
        if not addresses:
            raise httpx.ConnectError("the host's name stands for no address")
        if not self._allow_private and not all(map(is_public, addresses)):
            raise Refused("the host's address is not public")
        failed: httpx.TransportError | None = None
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await self._inner.handle_async_request(_to(request, address, host))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed or httpx.ConnectError("no address answers")

    async def aclose(self) -> None:
        await self._inner.aclose()
        self._lookup.close()


def trusted() -> ssl.SSLContext:
    """httpx's authorities and the system's: an operator may have added some of their own."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _to(request: httpx.Request, address: str, host: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=request.extensions | {"sni_hostname": host},
    )
