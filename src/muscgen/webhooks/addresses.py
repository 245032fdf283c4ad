"""Which addresses a webhook may reach: those of the public internet, and nothing beside or behind us."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from muscgen.errors import InvalidRequest

PARAM = "delivery.webhook.url"
# IANA's registries of special addresses; not `is_global`, which differs between releases of Python.
_CLOSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carriers' NAT
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's host, from inside
            "169.254.0.0/16",  # link-local: metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_OPEN_V6 = IPv6Network(
    "2000::/3"
)  # all that is given out; loopback, private, link-local, multicast lie outside
_CLOSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols: Teredo, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: any IPv4 address inside
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address, without brackets, is one of the public internet; False for what is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(found) if isinstance(found, IPv4Address) else _is_public_v6(found)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _CLOSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address in _NAT64:  # a network without IPv4 reaches it this way
        return _is_public_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def literal(host: str) -> str | None:
    """The address that a host spells out, as resolvers read it (127.1, 0x7f000001); None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def check_hook(url: str | None, *, allow_private: bool) -> None:
    """Raise InvalidRequest for a webhook whose address can be seen not to be public.

    What names stand for is looked at with every call. url: None is no webhook.
    """
    if url is None or allow_private:
        return
    host = (urlsplit(url).hostname or "").removesuffix(".")
    address = literal(host)
    if host == "localhost" or host.endswith(".localhost") or (address and not is_public(address)):
        raise InvalidRequest(
            f"{PARAM} is not an address of the public internet",
            param=PARAM,
            suggestion="a public host, or a service that allows others (MUSCGEN_WEBHOOK_ALLOW_PRIVATE)",
        )
