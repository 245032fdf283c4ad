"""What harm is done to: a disk that may be full, and a way to Redis that may be cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

STORE_MB = 96
SHIMMED = "CHAOS_SHIMMED_FOLDER"  # for chaos/shim.py; it is full while FLAG is beside it
FLAG = "disk-is-full"


def done(*command: str) -> bool:
    """Whether a command may be run here, and went well."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Disk:
    """The disk of the store: a small tmpfs where we are root, else a shim in each process that plays one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._flag = folder.with_name(FLAG)
        self.mounted = os.getuid() == 0 and done(
            "mount", "-t", "tmpfs", "-o", f"size={STORE_MB}m,mode=700", "chaos", str(folder)
        )

    @property
    def environment(self) -> dict[str, str]:
        return {} if self.mounted else {SHIMMED: str(self.folder)}

    def fill(self) -> None:
        if not self.mounted:
            self._flag.touch()
            return
        block = b"\0" * (1 << 20)
        with contextlib.suppress(OSError), (self.folder / ".ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(block)

    def free(self) -> None:
        (self.folder / ".ballast" if self.mounted else self._flag).unlink(missing_ok=True)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)


class Way(Protocol):
    """From one worker to Redis."""

    host: str
    port: int

    def prefix(self) -> list[str]: ...

    async def cut(self) -> None: ...

    async def mend(self) -> None: ...

    async def close(self) -> None: ...


class Namespace:
    """A network of its own for the worker; when the host's end of its cable is down, packets vanish."""

    def __init__(self, port: int) -> None:
        number = os.getpid() % 250 + 1
        self.name, self._cable = f"chaos{os.getpid()}", f"chaos{os.getpid()}"
        self.host, self.port = f"10.213.{number}.1", port
        self._made = [
            ("ip", "netns", "add", self.name),
            ("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name),
            ("ip", "addr", "add", f"{self.host}/24", "dev", self._cable),
            ("ip", "link", "set", self._cable, "up"),
            ("ip", "-n", self.name, "addr", "add", f"10.213.{number}.2/24", "dev", "eth0"),
            ("ip", "-n", self.name, "link", "set", "eth0", "up"),
            ("ip", "-n", self.name, "link", "set", "lo", "up"),
        ]

    def make(self) -> bool:
        if os.getuid() == 0 and shutil.which("ip") and all(done(*step) for step in self._made):
            return True
        done("ip", "netns", "del", self.name)
        return False

    def prefix(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    async def cut(self) -> None:
        await asyncio.to_thread(done, "ip", "link", "set", self._cable, "down")

    async def mend(self) -> None:
        await asyncio.to_thread(done, "ip", "link", "set", self._cable, "up")

    async def close(self) -> None:
        done("ip", "link", "del", self._cable)
        done("ip", "netns", "del", self.name)


class Proxy:
    """Passes bytes on until it is cut; then it holds what comes, as a dead network does."""

    def __init__(self, port: int) -> None:
        self.host, self.port = "127.0.0.1", 0
        self._target = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def prefix(self) -> list[str]:
        return []

    async def cut(self) -> None:
        self._whole.clear()

    async def mend(self) -> None:
        self._whole.set()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while block := await source.read(1 << 16):
                    await self._whole.wait()
                    sink.write(block)
                    await sink.drain()
        finally:
            sink.close()
            with contextlib.suppress(OSError):
                await sink.wait_closed()


async def way_to(port: int) -> tuple[Way, str]:
    """The worst way that this machine lets us build, and what it is."""
    namespace = Namespace(port)
    if namespace.make():
        return namespace, "network namespace"
    return await Proxy(port).start(), "proxy"
