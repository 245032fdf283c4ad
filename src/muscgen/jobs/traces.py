"""What leads back to songs: from a watermark's payload, or the digest of a sound, to the files that have it.

<prefix>:{trace:<trace>}    ZSET: artifact ids by the time until which they are kept
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from muscgen.jobs.connect import outages
from muscgen.jobs.keys import PREFIX
from muscgen.jobs.scripts import Reply

MOST = 16  # files of one trace: equal songs of different formats, and signed each


class Traces:
    """Every method raises QueueUnavailable while Redis does not answer."""

    def __init__(self, client: Reply, prefix: str = PREFIX) -> None:
        self._redis = client
        self._prefix = prefix

    async def note(self, traces: Sequence[str], artifact_id: str, until: float) -> None:
        """Remember the file under each trace until that time, in Unix seconds; the newest stay."""
        with outages():
            for trace in traces:
                key, now = self._key(trace), time.time()
                left_s = max(await self._redis.ttl(key), int(until - now) + 1, 1)
                async with self._redis.pipeline(transaction=True) as steps:
                    steps.zadd(key, {artifact_id: until})
                    steps.zremrangebyscore(key, "-inf", now)
                    steps.zremrangebyrank(key, 0, -MOST - 1)
                    steps.expire(key, left_s)
                    await steps.execute()

    async def find(self, traces: Sequence[str]) -> list[str]:
        """The files of the first traces first, the latest first among these; some may be gone."""
        found: dict[str, None] = {}
        with outages():
            for trace in traces:
                kept = await self._redis.zrevrangebyscore(self._key(trace), "+inf", time.time())
                found |= dict.fromkeys(each.decode() for each in kept)
        return list(found)

    def _key(self, trace: str) -> str:
        return f"{self._prefix}:{{trace:{trace}}}"


def sound_trace(sound_sha256: str) -> str:
    """How a song is noted by its sound."""
    return f"sound:{sound_sha256}"


def mark_trace(payload: str) -> str:
    """How a song is noted by its watermark, in hex."""
    return f"mark:{payload}"
