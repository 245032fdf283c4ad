"""A job's sound on its way to those who listen while it is made.

engine's chunks ─► treatment ─► 16 bits, peaks bent ─► pieces of at most 2 s ─► queue.push_sound

Nothing leaves until somebody listens; then all of it, from the song's beginning. A worker that took the job
over makes the same sound bit for bit, and the queue takes only what it has not got.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable

from muscgen import telemetry
from muscgen.audio import Audio
from muscgen.engine import Handle
from muscgen.errors import LeaseLost, QueueUnavailable
from muscgen.finishing.live import pcm16
from muscgen.jobs import Claim, Queue, Sound

LOOK_S = 0.25  # how often what `heed` was told is looked at
ASK_S = 1.0  # so long after the last report that told it, it is asked whether somebody listens
PUSH_S = 0.05  # how often there may be new sound, once somebody does
PIECE_S = 2.0

# A chunk, and whether it is the last: what may leave by now. Sound that it holds back leaves with the last.
Treatment = Callable[[Audio, bool], Audio]


def untreated(_: int) -> Treatment:
    """As it comes."""
    return lambda chunk, _: chunk


class Tape:
    """One attempt at one output: the sound that has left, and that has not."""

    def __init__(self, take: int, handle: Handle, treatment: Treatment) -> None:
        self.handle = handle
        self.accepted = False  # the song is good, so its end may be told
        self.waiting: deque[Sound] = deque()
        self.lock = asyncio.Lock()
        self._take = take
        self._announced = False
        self.rewind(treatment)

    def rewind(self, treatment: Treatment) -> None:
        """From the beginning again."""
        self.waiting.clear()
        self._treatment = treatment
        self._chunks = 0  # treated
        self._samples = 0  # cut
        self._ended = False

    def announce(self) -> float | None:
        """Seconds from submission to the first sound, once."""
        first = self.handle.first_audio_at_s
        if first is None or self._announced:
            return None
        self._announced = True
        return first - self.handle.submitted_at_s

    def wind(self) -> None:
        """Add what is new to `waiting`."""
        chunks = self.handle.sound()
        for chunk in chunks[self._chunks :]:
            self._cut(self._treatment(chunk, False))
        self._chunks = len(chunks)
        if self.accepted and not self._ended:
            self._ended = True
            nothing = Audio(chunks[-1].samples[:, :0], chunks[-1].sample_rate)
            self._cut(self._treatment(nothing, True))
            self._put(nothing, last=True)

    def _cut(self, audio: Audio) -> None:
        step = round(PIECE_S * audio.sample_rate)
        for at in range(0, audio.samples.shape[1], step):
            self._put(Audio(audio.samples[:, at : at + step], audio.sample_rate))

    def _put(self, audio: Audio, *, last: bool = False) -> None:
        sound = Sound(self._take, self._samples, audio.sample_rate, audio.channels, pcm16(audio), last)
        self.waiting.append(sound)
        self._samples += audio.samples.shape[1]


class Broadcast:
    """The sound of one job's outputs.

    tell: called with an output and the seconds until its first sound.
    treatment: makes the Treatment of an output's sound, anew for each attempt.
    """

    def __init__(
        self,
        claim: Claim,
        queue: Queue,
        tell: Callable[[int, float], Awaitable[None]],
        treatment: Callable[[int], Treatment] = untreated,
    ) -> None:
        self._claim, self._queue, self._tell, self._treatment = claim, queue, tell, treatment
        self._tapes: dict[int, Tape] = {}
        self._listened: frozenset[int] = frozenset()
        self._told_at = -math.inf

    def heed(self, outputs: frozenset[int]) -> None:
        """Somebody listens to these, as a report of the song's progress was answered."""
        self._listened, self._told_at = outputs, time.monotonic()

    def record(self, output: int, take: int, handle: Handle) -> None:
        """An attempt at an output begins."""
        self._tapes[output] = Tape(take, handle, self._treatment(output))

    async def accept(self, output: int) -> None:
        """The song is good: listeners may hear its end."""
        self._tapes[output].accepted = True
        self._told_at = -math.inf
        await self._turn()

    async def run(self) -> None:
        """Until cancelled, or the lease is lost."""
        while await self._turn():  # noqa: ASYNC110
            # The engine's threads ring for nobody.
            await asyncio.sleep(PUSH_S if self._listened else LOOK_S)

    async def _turn(self) -> bool:
        """Whether there may be another."""
        try:
            await self._announce()
            await self._ask()
            for output in self._listened & self._tapes.keys():
                await self._push(output, self._tapes[output])
        except QueueUnavailable:
            telemetry.warning("sound.held_back", job=self._claim.job_id)
            await asyncio.sleep(LOOK_S)
        except LeaseLost:
            return False
        return True

    async def _announce(self) -> None:
        for output, tape in list(self._tapes.items()):
            if (after_s := tape.announce()) is not None:
                await self._tell(output, after_s)

    async def _ask(self) -> None:
        """Nobody reports while a song is finished."""
        if time.monotonic() - self._told_at >= ASK_S:
            self.heed(await self._queue.listened(self._claim))

    async def _push(self, output: int, tape: Tape) -> None:
        async with tape.lock:
            await asyncio.to_thread(tape.wind)
            while tape.waiting:
                sound = tape.waiting.popleft()
                till = await self._queue.push_sound(self._claim, output, sound)
                if till is None:
                    telemetry.warning("sound.too_long", job=self._claim.job_id, output=output)
                    tape.waiting.clear()
                elif till < sound.start:  # the server forgot what it had
                    tape.rewind(self._treatment(output))
                    await asyncio.to_thread(tape.wind)
