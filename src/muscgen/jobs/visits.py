"""How often somebody without a key comes: a count a minute, for each address.

<prefix>:{visits:<digest of the address>}:<minute>    a number, for two minutes
"""

from __future__ import annotations

import hashlib
import ipaddress
import time

from muscgen.errors import RateLimited
from muscgen.jobs.connect import outages
from muscgen.jobs.keys import PREFIX
from muscgen.jobs.scripts import Reply

MINUTE_S = 60
_SITE_BITS = 64  # of IPv6: what one household is given


class Visits:
    """`count` raises QueueUnavailable while Redis does not answer."""

    def __init__(self, client: Reply, prefix: str = PREFIX) -> None:
        self._redis = client
        self._prefix = prefix

    async def count(self, address: str, per_minute: int) -> None:
        """One more visit from that address. Raises RateLimited beyond so many a minute."""
        now = time.time()
        minute = int(now // MINUTE_S)
        visitor = hashlib.sha256(site_of(address).encode()).hexdigest()[:16]
        key = f"{self._prefix}:{{visits:{visitor}}}:{minute}"
        with outages():
            async with self._redis.pipeline(transaction=True) as steps:
                steps.incr(key)
                steps.expire(key, 2 * MINUTE_S)
                came, _ = await steps.execute()
        if came > per_minute:
            raise RateLimited(
                f"without a key, {per_minute} files a minute are checked for one address",
                retry_after_s=max(1.0, (minute + 1) * MINUTE_S - now),
            )


def site_of(address: str) -> str:
    """The address, or the network of one household where each has more than enough of them."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(given, ipaddress.IPv6Address):
        given = given.ipv4_mapped or given
    if isinstance(given, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((given, _SITE_BITS), strict=False))
    return str(given)
