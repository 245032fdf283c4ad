"""The queue's server, as in production, and what it says of its own work."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.contracts.servers import DURABLE, Node, redis_server, valkey


def started(folder: Path) -> Node:
    """redis-server of the system, or the package's Valkey."""
    return Node(redis_server() or valkey(), folder, DURABLE).start()


@dataclass(frozen=True)
class Work:
    """What a server has done so far. Commands count those inside of scripts too."""

    at: float
    cpu_s: float
    received_bytes: int
    sent_bytes: int
    memory_bytes: int
    commands: Counter[str] = field(default_factory=Counter)

    def since(self, before: Work) -> Work:
        """The difference; memory as it is now."""
        return Work(
            self.at - before.at,
            self.cpu_s - before.cpu_s,
            self.received_bytes - before.received_bytes,
            self.sent_bytes - before.sent_bytes,
            self.memory_bytes,
            self.commands - before.commands,
        )

    @property
    def cores(self) -> float:
        return self.cpu_s / self.at

    @property
    def scripts(self) -> int:
        return self.commands["evalsha"] + self.commands["eval"]


def work(client: redis.Redis) -> Work:
    said = client.info()
    calls = {name.removeprefix("cmdstat_"): one["calls"] for name, one in client.info("commandstats").items()}
    return Work(
        at=time.monotonic(),
        cpu_s=said["used_cpu_sys"] + said["used_cpu_user"],
        received_bytes=said["total_net_input_bytes"],
        sent_bytes=said["total_net_output_bytes"],
        memory_bytes=said["used_memory"],
        commands=Counter(calls),
    )
