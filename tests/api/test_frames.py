"""What many listeners are sent is written once."""

from __future__ import annotations

import asyncio

import pytest

from muscgen.api.frames import Frames
from muscgen.errors import QueueUnavailable


class Writer:
    def __init__(self):
        self.calls, self.go, self.error = 0, asyncio.Event(), None

    async def __call__(self):
        self.calls += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return b"text"


async def test_many_who_wait_for_a_text_get_one():
    frames, write = Frames(), Writer()
    asking = [asyncio.create_task(frames.of(("job", "1"), write)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()  # a listener that leaves, be it the first
    await asyncio.sleep(0)
    write.go.set()
    assert await asyncio.gather(*asking[1:]) == [b"text"] * 19
    assert await frames.of(("job", "1"), write) == b"text"
    assert write.calls == 1
    assert await frames.of(("job", "2"), write) == b"text"
    assert write.calls == 2


async def test_what_could_not_be_written_is_tried_again_by_the_next():
    frames, write = Frames(), Writer()
    write.go.set()
    write.error = QueueUnavailable("away")
    for _ in range(2):
        with pytest.raises(QueueUnavailable):
            await frames.of(("job", "1"), write)
        await asyncio.sleep(0)
    write.error = None
    assert await frames.of(("job", "1"), write) == b"text"
    assert write.calls == 3


async def test_only_the_last_are_kept():
    frames, write = Frames(most=3), Writer()
    write.go.set()
    for number in (1, 2, 3, 4, 4, 2, 1):
        await frames.of((str(number),), write)
    assert write.calls == 5  # 1 was forgotten
    assert len(frames._kept) == 3
