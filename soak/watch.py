"""What the processes and the queue take, sample by sample."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import redis

from muscgen.jobs.keys import Keys, tag
from soak.traffic import Book
from tests.service.services import command_of, descendants

MODEL = "muscgen-tiny"


@dataclass(frozen=True)
class Sample:
    """At one moment. Seconds since the run's beginning; megabytes; open files; keys and jobs of the queue."""

    at_s: float
    api_mb: float
    worker_mb: float
    redis_mb: float
    api_files: int
    worker_files: int
    keys: int
    waiting: int
    running: int
    load: float


class Watch:
    """`run` until cancelled; looks every `every_s`."""

    def __init__(self, api: int, client: redis.Redis, book: Book, every_s: float) -> None:
        self._api, self._client, self._book, self._every_s = api, client, book, every_s
        self.samples: list[Sample] = []

    async def run(self) -> None:
        while True:
            self.samples.append(await asyncio.to_thread(self.look))
            await asyncio.sleep(self._every_s)

    def look(self) -> Sample:
        worker = self.worker()
        keys = Keys(tag(MODEL))
        return Sample(
            at_s=round(self._book.now_s, 1),
            api_mb=memory_mb(self._api),
            worker_mb=memory_mb(worker),
            redis_mb=round(self._client.info("memory")["used_memory"] / 1e6, 2),
            api_files=files(self._api),
            worker_files=files(worker),
            keys=self._client.dbsize(),
            waiting=self._client.zcard(keys.queue) + self._client.zcard(keys.delayed),
            running=self._client.zcard(keys.leases),
            load=round(os.getloadavg()[0], 2),
        )

    def worker(self) -> int:
        """The process of the API's worker."""
        found = [pid for pid in descendants(self._api) if "worker" in command_of(pid)]
        if len(found) != 1:
            time.sleep(1)
            raise RuntimeError(f"there are {len(found)} workers, not one")
        return found[0]

    def to_list(self) -> list[dict[str, Any]]:
        return [asdict(sample) for sample in self.samples]


def memory_mb(pid: int) -> float:
    """What the process alone holds: unlike its resident memory, without files that the kernel may drop."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    held = {
        line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("RssAnon", "RssShmem"))
    }
    return round(sum(map(int, held.values())) / 1024, 1)


def files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
