"""The sound of a song while it is made: a worker puts it into a stream, and any replica of the API reads it.

Nothing is put until somebody listens. 16-bit stereo at 32 kHz is 128 kB a second: ten minutes take 77 MB of
the server's memory for each output that is listened to, until five minutes after the job is final.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from muscgen.errors import QueueUnavailable
from muscgen.jobs.base import job_from
from muscgen.jobs.claims import Claiming, outputs
from muscgen.jobs.connect import outages
from muscgen.jobs.events import PATIENCE_S, PAUSE_S, Following, streams
from muscgen.jobs.job import Claim, Job

BLOCK_S = 1.0  # how often a listener without new sound looks whether the job still runs
BATCH = 32  # pieces at once, of two seconds at most
MAX_SOUND_BYTES = 128_000_000  # ten minutes of stereo at 48 kHz, and some more


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of an output's sound.

    take: counts the songs made for this output; another take is another song, from its beginning.
    start: samples a channel that are before it. pcm: int16 little-endian [T, C]. last: nothing follows.
    """

    take: int
    start: int
    sample_rate: int
    channels: int
    pcm: bytes
    last: bool = False


class Sounding(Claiming, Following):
    """Pass the sound on."""

    async def listen(self, job_id: str, output: int) -> Job:
        """Ask the worker, now or later, for the sound of an output. Raises JobNotFound, JobExpired."""
        return job_from(job_id, await self._run("listen", self._keys_of(job_id), job_id, output))

    async def listened(self, claim: Claim) -> frozenset[int]:
        """The outputs that somebody listens to, as `report` says it too."""
        keys = self._keys_of(claim.job_id)
        with outages():
            heard = await self.redis.hget(keys.job(claim.job_id), "hear")
        return outputs(heard or b"")

    async def push_sound(self, claim: Claim, output: int, sound: Sound) -> int | None:
        """Put a piece in; how many samples a channel there are now, or None when no more fit.

        What is there already is left out; a piece that would leave a gap is not put. Raises LeaseLost.
        """
        reply = await self._mine(
            "push_sound",
            claim,
            output,
            sound.take,
            sound.start,
            sound.sample_rate,
            sound.channels,
            sound.pcm,
            int(sound.last),
            MAX_SOUND_BYTES,
        )
        return None if reply == b"full" else int(reply)

    async def sound(self, job_id: str, output: int, *, after: int = 0) -> AsyncGenerator[Sound, None]:
        """The pieces that end after so many samples of the first take, then new ones as they come.

        Ends with the `last` one, or without it when the job is over. Sits out an outage of up to 30 s, then
        raises QueueUnavailable.
        """
        last_id = f"1-{after}"
        away_since: float | None = None
        while True:
            try:
                over = await self._over(job_id)
                rows = await self._pieces(
                    await self._source(job_id, output), last_id, None if over else BLOCK_S
                )
                away_since = None
            except QueueUnavailable:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > PATIENCE_S:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            for number, piece in rows:
                last_id = number
                yield piece
                if piece.last:
                    return
            if over and not rows:
                return

    async def _source(self, job_id: str, output: int) -> str:
        """Where the sound is put: with the job that makes it, which may change."""
        keys = self._keys_of(job_id)
        with outages():
            leader = await self.redis.hget(keys.job(job_id), "leader")
        return keys.sound(leader.decode() if leader else job_id, output)

    async def _pieces(self, key: str, after: str, block_s: float | None) -> list[tuple[str, Sound]]:
        block_ms = None if block_s is None else round(block_s * 1000)
        with outages():
            reply = await self.redis.xread({key: after}, count=BATCH, block=block_ms)
        return [(number.decode(), _sound(fields)) for _, rows in streams(reply) for number, fields in rows]


def _sound(fields: Mapping[bytes, bytes]) -> Sound:
    return Sound(
        take=int(fields[b"take"]),
        start=int(fields[b"start"]),
        sample_rate=int(fields[b"rate"]),
        channels=int(fields[b"channels"]),
        pcm=fields[b"pcm"],
        last=fields[b"last"] == b"1",
    )
