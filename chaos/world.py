"""The world that is harmed: Redis with its file, the API, three workers, a small disk, and a way to cut."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path

from chaos.places import Disk, Way, way_to
from tests.contracts.servers import DURABLE, Node, free_port, valkey

LEASE_S = 3.0
WORKERS = 3
DRAIN_S = 2.0
STOP_LIMIT_S = 60.0


class Program:
    """A muscgen process that is started again whenever it ends."""

    def __init__(self, name: str, arguments: list[str], world: World, prefix: tuple[str, ...] = ()) -> None:
        self.name = name
        self.starts = 0
        self._prefix, self._arguments, self._world = prefix, arguments, world
        self._process: Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._pause_s = 0.0

    def keep(self) -> None:
        self._keeping = asyncio.create_task(self._keep())

    def signal(self, number: int, *, away_s: float = 0.0) -> bool:
        """Whether there was somebody to signal. away_s: the pause before the next one is started."""
        self._pause_s = away_s
        if self._process is None or self._process.returncode is not None:
            return False
        self._process.send_signal(number)
        return True

    async def _keep(self) -> None:
        while True:
            await self._start()
            assert self._process is not None
            await self._process.wait()
            await asyncio.sleep(self._pause_s)

    async def _start(self) -> None:
        self.starts += 1
        module = "muscgen" if self._world.disk.mounted else "chaos.shim"
        with (self._world.logs / f"{self.name}.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._prefix, sys.executable, "-m", module, *self._arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._world.environment, start_new_session=True,
            )  # fmt: skip

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                async with asyncio.timeout(STOP_LIMIT_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


class World:
    """`start`, do what you like, `calm` it, look, `close`."""

    def __init__(self, folder: Path, dice: random.Random, durability: str) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.dice = dice
        self.durability = durability
        self.disk = Disk(folder / "home" / "artifacts")
        fsync = {"appendfsync": "always"} if durability == "always" else {}
        self.redis = Node(valkey(), folder / "redis", DURABLE | {"protected-mode": "no"} | fsync)
        self.redis_lock = asyncio.Lock()  # one harm at a time
        self.api_port = free_port()
        self.workers: list[Program] = []
        self.api: Program | None = None
        self.way: Way | None = None
        self.cut_by = ""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSCGEN_")}
        return kept | self.disk.environment | {
            "MUSCGEN_HOME": str(self.folder / "home"),
            "MUSCGEN_LEASE_S": str(LEASE_S),
            "MUSCGEN_MAX_ATTEMPTS": "20",  # so that none gives up
            "MUSCGEN_DRAIN_S": str(DRAIN_S),
            "MUSCGEN_THREADS": "1",
            "MUSCGEN_SLOTS": "3",
            "MUSCGEN_LOG_FORMAT": "json",
            "MUSCGEN_WEBHOOK_ALLOW_PRIVATE": "true",
            "MUSCGEN_QUEUE_SYNC_DISK": str(self.durability == "waitaof").lower(),
        }  # fmt: skip

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis.port}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    async def start(self) -> None:
        self.redis.port = free_port()
        self.way, self.cut_by = await way_to(self.redis.port)
        if self.way.prefix():
            self.redis.options = {**self.redis.options, "bind": f"127.0.0.1 {self.way.host}"}
        await asyncio.to_thread(self.redis.start)
        serve = ["serve", "--no-worker", "--port", str(self.api_port), "--redis-url", self.redis_url]
        self.api = Program("api", serve, self)
        for number in range(WORKERS):
            last = number == WORKERS - 1
            url = f"redis://{self.way.host}:{self.way.port}" if last else self.redis_url
            prefix = tuple(self.way.prefix()) if last else ()
            self.workers.append(Program(f"worker-{number}", ["worker", "--redis-url", url], self, prefix))
        for program in (self.api, *self.workers):
            program.keep()

    async def calm(self) -> None:
        """Undo every harm that lasts."""
        self.disk.free()
        if self.way is not None:
            await self.way.mend()
        async with self.redis_lock:
            if self.redis.process is not None and self.redis.process.poll() is None:
                self.redis.signal(signal.SIGCONT)
            else:
                await asyncio.to_thread(self.redis.start)
        for program in (self.api, *self.workers):
            if program is not None:
                program.signal(signal.SIGCONT)

    async def close(self) -> None:
        for program in (*self.workers, self.api):
            if program is not None:
                await program.stop()
        self.redis.kill()
        if self.way is not None:
            await self.way.close()
        self.disk.close()
