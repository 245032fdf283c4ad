"""A master that dies in the middle of traffic: jobs go on at its replica, and what may be lost is known."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from queues import CONSENT, MODEL, faults, song

from muscgen.errors import ConfigurationError, LeaseLost, QueueUnavailable
from muscgen.jobs import LeaseKeeper, Queue, State, Surety, check_server, connect, surely
from muscgen.jobs.apikeys import ApiKeys
from muscgen.jobs.connect import connect_blocking
from muscgen.jobs.consents import Consents
from muscgen.jobs.patience import Impatient

from .servers import DURABLE, Node, redis_server, trio, valkey

pytestmark = [
    pytest.mark.timeout(180),
    # redis-py leaves the streams of connections that broke while they were opened to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SURE = Surety(replicas=1)
PATIENCE_S = 40.0


@pytest.fixture(autouse=True)
def nothing_is_left_to_others():
    """What the garbage collector finds it finds here, where it is ignored, and not in some other test."""
    yield
    gc.collect()


@pytest.fixture
def three(tmp_path):
    with trio(redis_server() or valkey(), tmp_path) as running:
        yield running


@pytest.fixture
async def open_queue():
    opened = []

    def open_one(url, **rules):
        opened.append(Queue(connect(url), **{"lease_s": 6.0, "backoff_cap_s": 0.05} | rules))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.close()


async def patiently(call, limit_s=PATIENCE_S):
    """Again and again while the queue is away, as every part of the service does."""
    until = time.monotonic() + limit_s
    while True:
        try:
            return await call()
        except QueueUnavailable:
            assert time.monotonic() < until, "the queue stays away"
            await asyncio.sleep(0.1)


class Worker:
    """Claims, works a little, finishes; a keeper holds its leases."""

    def __init__(self, name, queue, url):
        self.name, self.queue, self.url = name, queue, url
        self.finished = Counter()
        self.lost = []

    async def run(self, stop):
        with LeaseKeeper(
            self.url, lease_s=self.queue.lease_s, on_lost=self.lost.append, on_cancel=print
        ) as keeper:
            while not stop.is_set():
                with suppress(QueueUnavailable):
                    for claim in await self.queue.claim([MODEL], self.name, 2):
                        keeper.add(claim)
                        await asyncio.sleep(0.02)
                        await self.finish(claim)
                        keeper.remove(claim)
                    await self.queue.wait_for_work([MODEL], 0.1)

    async def finish(self, claim):
        with suppress(LeaseLost):
            if await patiently(lambda: self.queue.finish(claim, {"by": self.name})) is State.SUCCEEDED:
                self.finished[claim.job_id] += 1


class Traffic:
    """Three who ask under keys of their own, again and again until they are told."""

    def __init__(self, queue):
        self.queue, self.told = queue, []

    async def ask(self, asker):
        for number in range(60):
            name = {"idempotency_key": f"{asker} {number}", "body_hash": "b"}
            self.told.append((await patiently(lambda name=name: self.queue.enqueue(song(), **name))).job_id)
            await asyncio.sleep(0.01)

    async def run(self):
        await asyncio.gather(*(self.ask(asker) for asker in "abc"))

    async def done(self):
        for job_id in self.told:
            while not (await patiently(lambda: self.queue.get(job_id))).terminal:  # noqa: ASYNC110, B023
                await asyncio.sleep(0.05)

    async def under_way(self):
        while len(self.told) < 40:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_no_job_that_a_replica_has_is_lost_or_done_twice_when_the_master_is_killed(three, open_queue):
    queue, stop = open_queue(three.url, surety=SURE), asyncio.Event()
    traffic = Traffic(queue)
    workers = [Worker(name, open_queue(three.url, surety=SURE), three.url) for name in ("w1", "w2")]
    async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as group:
        asking = group.create_task(traffic.run())
        for worker in workers:
            group.create_task(worker.run(stop))
        await traffic.under_way()
        three.master.kill()
        await asyncio.to_thread(three.failed_over)
        await asyncio.to_thread(
            three.master.start
        )  # as the new one's replica: until then nobody is told anything
        await asking
        await traffic.done()
        stop.set()

    assert len(set(traffic.told)) == 180
    jobs = [await queue.get(job_id) for job_id in traffic.told]
    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert set((workers[0].finished + workers[1].finished).values()) == {1}
    for job_id in traffic.told[::10]:
        kinds = [event.kind async for event in queue.events(job_id)]
        assert kinds.count("completed") == 1
    assert await faults(queue.redis, queue.prefix) == []


async def test_listeners_sit_a_fail_over_out(three, open_queue):
    queue = open_queue(three.url)
    job_id = (await queue.enqueue(song())).job_id
    await asyncio.to_thread(three.in_step)

    async def heard():
        return [event.kind async for event in queue.events(job_id)]

    listening = asyncio.create_task(heard())
    await asyncio.sleep(0.2)
    three.master.kill()
    [claim] = await patiently(lambda: some(queue))
    await patiently(lambda: queue.finish(claim, {}))
    async with asyncio.timeout(60):
        assert await listening == ["queued", "started", "completed"]


async def test_a_sentinel_that_hung_is_asked_again_when_the_others_are_gone(three, open_queue):
    first, *others = three.sentinels
    redis = open_queue(three.url).redis
    first.signal(signal.SIGSTOP)
    await asyncio.gather(*(redis.ping() for _ in range(8)))
    first.signal(signal.SIGCONT)
    for one in others:
        one.kill()
    await redis.connection_pool.disconnect()  # or nobody need be asked
    assert await redis.ping()


def test_nor_does_a_thread_forget_a_sentinel_that_hung(three):
    first, *others = three.sentinels
    with connect_blocking(three.url, 5.0) as redis, ThreadPoolExecutor(8) as pool:
        first.signal(signal.SIGSTOP)
        list(pool.map(lambda _: redis.ping(), range(8)))
        first.signal(signal.SIGCONT)
        for one in others:
            one.kill()
        redis.connection_pool.disconnect()
        assert redis.ping()


async def some(queue):
    if found := await queue.claim([MODEL], "w", 1):
        return found
    raise QueueUnavailable("nothing yet")


async def test_a_claim_that_the_replica_never_heard_of_opens_nothing_after_the_fail_over(three, open_queue):
    queue = open_queue(three.url)
    job_id = (await queue.enqueue(song())).job_id
    await asyncio.to_thread(three.in_step)
    three.replica.signal(signal.SIGSTOP)
    with three.master.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "REPLICA")  # or it would read on from its buffer
    [forgotten] = await queue.claim([MODEL], "first", 1)
    three.master.kill()
    three.replica.signal(signal.SIGCONT)
    [claim] = await patiently(lambda: some(queue))
    assert (claim.job_id, claim.attempt) == (job_id, 1)
    for late in (
        queue.report(forgotten, {}),
        queue.hand_back(forgotten),
        queue.finish(forgotten, {"by": "first"}),
    ):
        with pytest.raises(LeaseLost):
            await late
    await queue.finish(claim, {"by": "second"})
    assert (await queue.get(job_id)).result == {"by": "second"}


async def test_nobody_is_told_of_what_no_replica_has(three, open_queue, monkeypatch):
    queue = open_queue(three.url, surety=SURE)
    known = await queue.enqueue(song(), idempotency_key="k", body_hash="b")
    [claim] = await queue.claim([MODEL], "w", 1)
    keys, consents = (kind(queue.redis, queue.prefix, SURE) for kind in (ApiKeys, Consents))
    key, _ = await keys.create("acme")
    await consents.put(CONSENT)
    three.replica.signal(signal.SIGSTOP)
    monkeypatch.setattr(surely, "LIMIT_S", 0.5)
    try:
        for told in (
            lambda: queue.enqueue(song(), idempotency_key="other", body_hash="b"),
            lambda: queue.enqueue(song(), idempotency_key="k", body_hash="b"),  # found, but of whom?
            lambda: queue.cancel(known.job_id),
            lambda: queue.finish(claim, {}),
            lambda: keys.create("acme"),
            lambda: keys.revoke(key.id),
            lambda: keys.revoke(key.id),  # closed already, but of whom?
            lambda: consents.put(CONSENT.model_copy(update={"id": f"consent_{'cd' * 16}"})),
            lambda: consents.use(CONSENT.id, known.job_id),
            lambda: consents.revoke(CONSENT.id),
            lambda: consents.revoke(CONSENT.id),
        ):
            with pytest.raises(QueueUnavailable, match="cannot be sure"):
                await told()
    finally:
        three.replica.signal(signal.SIGCONT)
        monkeypatch.undo()
    again = await patiently(lambda: queue.enqueue(song(), idempotency_key="other", body_hash="b"))
    assert again.created is False
    assert (await patiently(lambda: keys.revoke(key.id))).revoked_at
    assert (await patiently(lambda: consents.revoke(CONSENT.id))).revoked
    assert await patiently(lambda: queue.finish(claim, {})) is State.CANCELLED


async def test_nobody_is_told_of_what_the_disk_has_not(tmp_path, open_queue):
    node = Node(valkey(), tmp_path, DURABLE).start()
    try:
        queue = open_queue(f"redis://127.0.0.1:{node.port}", surety=Surety(disk=True))
        await check_server(queue.redis, waits_for_disk=True)
        job_id = (await queue.enqueue(song())).job_id
        node.kill()  # at once: without the wait the last second might not be in the file
        node.start()
        assert (await queue.get(job_id)).state is State.QUEUED
        await queue.redis.config_set("appendonly", "no")
        with pytest.raises(Exception, match=r"cannot be sure|appendonly|WAITAOF"):
            await queue.enqueue(song())
    finally:
        node.kill()


async def test_a_server_that_cannot_say_when_its_disk_has_a_job_is_refused(monkeypatch):
    async def infos(self, section):
        return [{"maxmemory_policy": "noeviction", "aof_enabled": 1, "redis_version": "7.0.15"}]

    monkeypatch.setattr(Impatient, "infos", infos)
    client = connect("redis://nowhere")
    await check_server(client)
    with pytest.raises(ConfigurationError, match=r"7\.0\.15 cannot say"):
        await check_server(client, waits_for_disk=True)
