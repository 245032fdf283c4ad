"""The harm that `make chaos` does where nobody is root: a disk that plays full, a way that is cut."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.places import Disk, Proxy

ROOT = Path(__file__).parents[2]
PROBE = """
import os, sys, types
def main():
    for folder in sys.argv[1:]:
        with open(os.path.join(folder, "file"), "wb") as file:
            file.write(b"x")
            try:
                os.fsync(file.fileno())
                print("kept")
            except OSError as error:
                print(error.errno)
sys.modules["muscgen.cli"] = types.SimpleNamespace(main=main)
from chaos.shim import main as shimmed
shimmed()
"""


@pytest.fixture
def disk(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    disk = Disk(tmp_path / "home" / "artifacts")
    assert not disk.mounted
    yield disk
    disk.close()


def written(disk, *folders):
    """What comes of writing files to these folders in a shimmed process."""
    command = [sys.executable, "-c", PROBE, *map(str, folders)]
    environment = os.environ | disk.environment | {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_shimmed_disk_is_full_only_there_and_only_for_a_while(disk, tmp_path):
    folders = disk.folder, tmp_path
    assert written(disk, *folders) == ["kept", "kept"]
    disk.fill()
    assert written(disk, *folders) == ["28", "kept"]  # ENOSPC
    disk.free()
    disk.free()
    assert written(disk, *folders) == ["kept", "kept"]


async def test_a_proxy_that_is_cut_holds_what_comes_until_it_is_mended():
    echoing = []

    async def echo(reader, writer):
        echoing.append(asyncio.current_task())
        while content := await reader.read(100):
            writer.write(content.upper())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = await Proxy(server.sockets[0].getsockname()[1]).start()
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    writer.write(b"one")
    assert await reader.read(100) == b"ONE"
    await proxy.cut()
    writer.write(b"two")
    answer = asyncio.create_task(reader.read(100))
    connecting = asyncio.create_task(asyncio.open_connection(proxy.host, proxy.port))
    done, _ = await asyncio.wait({answer}, timeout=0.2)
    assert not done
    await proxy.mend()
    assert await answer == b"TWO"
    late_reader, late_writer = await connecting
    late_writer.write(b"three")
    assert await late_reader.read(100) == b"THREE"
    for one in (writer, late_writer):
        one.close()
        await one.wait_closed()
    await proxy.close()
    await asyncio.gather(*echoing, return_exceptions=True)
    server.close()
