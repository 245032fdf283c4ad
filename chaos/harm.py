"""What happens to the world, one harm or two at a time, drawn by the seed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaos.world import LEASE_S, World

TOGETHER = 0.25  # how often the next harm does not wait for the last
PAUSES_S = (0.5, 4.0)


@dataclass
class Harm:
    """`run` until the time is over. `told`: what was done, and when; `counts`: how often each."""

    world: World
    began: float = field(default_factory=time.monotonic)
    told: list[tuple[float, str, float]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, seconds: float) -> None:
        dice, until = self.world.dice, time.monotonic() + seconds
        deck: list[str] = []
        under_way: set[asyncio.Task[None]] = set()
        while time.monotonic() < until:
            if not deck:  # each of them comes, however short the run is
                deck = dice.sample(sorted(KINDS), len(KINDS))
            task = asyncio.create_task(self._do(deck.pop()))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            if dice.random() > TOGETHER:
                await asyncio.gather(*under_way)
            await asyncio.sleep(dice.uniform(*PAUSES_S))
        await asyncio.gather(*under_way)

    async def _do(self, name: str) -> None:
        at = time.monotonic()
        await KINDS[name](self.world)
        self.counts[name] += 1
        self.told.append((round(at - self.began, 2), name, round(time.monotonic() - at, 2)))


async def kill_worker(world: World) -> None:
    world.dice.choice(world.workers).signal(signal.SIGKILL, away_s=world.dice.uniform(0, 2))


async def drain_worker(world: World) -> None:
    world.dice.choice(world.workers).signal(signal.SIGTERM)


async def hurry_worker(world: World) -> None:
    worker = world.dice.choice(world.workers)
    worker.signal(signal.SIGTERM)
    await asyncio.sleep(0.2)
    worker.signal(signal.SIGTERM)


async def stop_worker_past_its_lease(world: World) -> None:
    worker = world.dice.choice(world.workers)
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_S + world.dice.uniform(0.5, 3))
    worker.signal(signal.SIGCONT)


async def kill_api(world: World) -> None:
    assert world.api is not None
    world.api.signal(signal.SIGKILL, away_s=world.dice.uniform(0, 1))


async def drain_api(world: World) -> None:
    assert world.api is not None
    world.api.signal(signal.SIGTERM)


async def kill_redis(world: World) -> None:
    async with world.redis_lock:
        await asyncio.to_thread(world.redis.kill)
        await asyncio.sleep(world.dice.uniform(0, 3))
        await asyncio.to_thread(world.redis.start)


async def restart_redis(world: World) -> None:
    async with world.redis_lock:
        world.redis.signal(signal.SIGTERM)
        assert world.redis.process is not None
        await asyncio.to_thread(world.redis.process.wait)
        await asyncio.to_thread(world.redis.start)


async def pause_redis(world: World) -> None:
    async with world.redis_lock:
        world.redis.signal(signal.SIGSTOP)
        await asyncio.sleep(world.dice.choice([0.5, 1.5, LEASE_S + 1.0]))
        world.redis.signal(signal.SIGCONT)


async def fill_disk(world: World) -> None:
    await asyncio.to_thread(world.disk.fill)
    await asyncio.sleep(world.dice.uniform(1, 5))
    await asyncio.to_thread(world.disk.free)


async def cut_worker(world: World) -> None:
    assert world.way is not None
    await world.way.cut()
    await asyncio.sleep(world.dice.choice([1.0, LEASE_S + 1.0, LEASE_S + 4.0]))
    await world.way.mend()


KINDS: dict[str, Callable[[World], Awaitable[None]]] = {
    harm.__name__: harm
    for harm in (
        kill_worker,
        drain_worker,
        hurry_worker,
        stop_worker_past_its_lease,
        kill_api,
        drain_api,
        kill_redis,
        restart_redis,
        pause_redis,
        fill_disk,
        cut_worker,
    )
}
