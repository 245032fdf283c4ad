"""The worker's process: its parts, its signals, its end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from muscgen import telemetry
from muscgen.artifacts import HotStore, Store, is_upload, open_store, upload_expires_at
from muscgen.errors import JobExpired, JobNotFound, QueueUnavailable, StoreUnavailable
from muscgen.fetching.shelf import Shelf
from muscgen.jobs import TERMINAL, LeaseKeeper, Queue, State, check_server, connect, surety_of
from muscgen.jobs.connect import connect_blocking
from muscgen.jobs.keys import born_at
from muscgen.models.card import Card
from muscgen.models.registry import Registry
from muscgen.rights import Rules
from muscgen.settings import Settings
from muscgen.worker.caretaker import Caretaker, preloaded
from muscgen.worker.duties import duties_of
from muscgen.worker.errands import Errands
from muscgen.worker.fetcher import Fetcher
from muscgen.worker.keeping import shown_by
from muscgen.worker.loader import Served, load_model, making_of
from muscgen.worker.memory import free_on
from muscgen.worker.meters import metered
from muscgen.worker.room import Room
from muscgen.worker.roster import Roster
from muscgen.worker.worker import KeeperOf, Worker

PARENT_POLL_S = 0.5
SWEEP_S = 600.0
YOUNG_S = 300.0
HOT_TIMEOUT_S = 0.5  # the store itself is not much slower
SERVER_PATIENCE_S = 30.0
SERVER_PAUSE_S = 0.25


async def serve(settings: Settings, redis_url: str, *, parent: int | None = None) -> None:
    """Work for the queue at `redis_url` until SIGTERM or SIGINT, which drain; a second one hurries.

    parent: hand all back once that process is no longer our parent.
    Raises ConfigurationError, ModelNotFound, CheckpointInvalid, QueueUnavailable when there is no queue.
    """
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
    duties = duties_of(settings)
    queue = open_queue(settings, redis_url)
    store = open_files(settings, redis_url)
    roster = await asyncio.to_thread(roster_of, settings)
    fetcher = Fetcher(settings, Rules(settings))
    caretaker = await asyncio.to_thread(caretaker_of, name, queue, roster, fetcher, settings)
    errands = await asyncio.to_thread(errands_of, name, queue, caretaker, fetcher, settings)
    try:
        await caretaker.preload(settings)
        await patiently_check(queue)
        await check_store(store)
        keeper = keeper_for(settings, redis_url)
        worker = Worker(name, queue, store, roster, keeper, duties, drain_s=settings.drain_s)
        slots = sum(model.slots for model in roster.loaded.values())
        _heed_signals(worker)  # before anybody reads that it is ready, and stops it
        telemetry.event("worker.ready", worker=name, models=",".join(roster.loaded), slots=slots)
        with metered(lambda: roster.loaded, settings.metrics_port):
            await _until_drained(worker, queue, store, parent, (caretaker.run(), errands.run()))
    finally:
        await queue.close()
        await asyncio.to_thread(roster.close)


def open_files(settings: Settings, redis_url: str) -> Store:
    """The store as the settings want it; API and workers must agree on it."""
    store = open_store(settings)
    if not settings.hot_file_bytes:
        return store
    client = connect_blocking(redis_url, timeout_s=HOT_TIMEOUT_S)
    largest, total = settings.hot_file_bytes, settings.hot_total_bytes
    return HotStore(store, client, largest_bytes=largest, total_bytes=total)


def roster_of(settings: Settings) -> Roster:
    """What serves models as the settings want it. Raises ConfigurationError where they do not go together."""
    making = making_of(settings)
    if (signer := making.papers.signer) is not None and signer.development:
        telemetry.warning(
            "signing.development_key",
            fingerprint=signer.chain.fingerprint[:16],
            instead="MUSCGEN_SIGNING_KEY and MUSCGEN_SIGNING_CERTIFICATES",
        )

    def load(card: Card, slots: int) -> Served:
        return load_model(card, settings, slots=slots, making=making)

    return Roster(load, Room(settings, free_on(making.choice.device)), making.maker, kept=preloaded(settings))


def caretaker_of(name: str, queue: Queue, roster: Roster, fetcher: Fetcher, settings: Settings) -> Caretaker:
    """Raises CheckpointInvalid for a model that cannot be read."""
    registry, rules = Registry(settings.models_path, settings.models), Rules(settings)
    return Caretaker(name, queue, registry, rules, roster, fetcher, idle_s=settings.model_idle_s)


def errands_of(
    name: str, queue: Queue, caretaker: Caretaker, fetcher: Fetcher, settings: Settings
) -> Errands:
    """Whoever cannot write to the models' folder is a place of its own, at which every fetch fails."""
    try:
        place = Shelf(settings.models_path).name()
    except OSError as error:
        telemetry.warning("models.read_only", folder=settings.models_path, reason=error.strerror)
        place = name
    return Errands(name, place, queue, settings, caretaker, fetcher)


def open_queue(settings: Settings, redis_url: str) -> Queue:
    """The queue as the settings want it; API and workers must agree on these numbers."""
    return Queue(
        connect(redis_url),
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        max_depth=settings.max_queue_depth,
        require_worker=settings.require_worker,
        cache_s=settings.cache_ttl_s,
        cache_bytes=settings.cache_bytes,
        surety=surety_of(settings),
    )


def keeper_for(settings: Settings, redis_url: str) -> KeeperOf:
    """What makes this worker's LeaseKeeper."""

    def keeper(on_lost: Callable[[str], None], on_cancel: Callable[[str], None]) -> LeaseKeeper:
        return LeaseKeeper(redis_url, lease_s=settings.lease_s, on_lost=on_lost, on_cancel=on_cancel)

    return keeper


async def patiently_check(queue: Queue) -> None:
    """check_server, with patience for a server that is just being started."""
    for turn in range(round(SERVER_PATIENCE_S / SERVER_PAUSE_S)):
        try:
            return await check_server(queue.redis, waits_for_disk=queue.surety.disk)
        except QueueUnavailable:
            if turn == 0:
                telemetry.warning("queue.awaited", up_to_s=SERVER_PATIENCE_S)
            await asyncio.sleep(SERVER_PAUSE_S)
    return await check_server(queue.redis, waits_for_disk=queue.surety.disk)


async def check_store(store: Store) -> None:
    """Raises ConfigurationError. A store that is away may come back, and is told of until then."""
    try:
        await asyncio.to_thread(store.check)
    except StoreUnavailable as error:
        telemetry.warning("store.away_at_start", reason=error.detail)


async def _until_drained(
    worker: Worker,
    queue: Queue,
    store: Store,
    parent: int | None,
    beside: Sequence[Coroutine[Any, Any, None]],
) -> None:
    tasks = [asyncio.create_task(_sweep_store(queue, store)), *map(asyncio.create_task, beside)]
    if parent is not None:
        tasks.append(asyncio.create_task(_watch_parent(parent, worker)))
    try:
        await worker.run()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


def _heed_signals(worker: Worker) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.drain)


async def _watch_parent(parent: int, worker: Worker) -> None:
    """An orphan does not linger: the embedded queue went with the parent, so it drains in a hurry."""
    while os.getppid() == parent:  # noqa: ASYNC110  nobody sets an event when it dies
        await asyncio.sleep(PARENT_POLL_S)
    worker.drain()
    worker.drain()


async def _sweep_store(queue: Queue, store: Store) -> None:
    """Release the artifacts of jobs that have none any more: expired, deleted, or lost half-way."""
    loop = asyncio.get_running_loop()

    def live(owner: str) -> bool:
        return asyncio.run_coroutine_threadsafe(owns(queue, owner), loop).result()

    def wanted(owner: str, artifact_id: str) -> bool:
        return asyncio.run_coroutine_threadsafe(wants(queue, owner, artifact_id), loop).result()

    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            gone = await asyncio.to_thread(store.sweep, live, wanted)
        except StoreUnavailable:
            telemetry.warning("artifacts.sweep_failed")
        else:
            telemetry.event("artifacts.swept", gone=gone)


async def owns(queue: Queue, owner: str) -> bool:
    """Whether a job may still show its artifacts, or an upload lives; yes where the queue does not answer."""
    if is_upload(owner):
        return upload_expires_at(owner) > time.time()
    try:
        if await queue.holder(owner) is not None:  # equal jobs, or the cache
            return True
        state = (await queue.get(owner)).state
    except JobNotFound:  # it may be about to be one: what it listens to is its own before it is enqueued
        return time.time() - born_at(owner) < YOUNG_S
    except JobExpired:
        return False
    except QueueUnavailable:
        return True
    return state is State.SUCCEEDED or state not in TERMINAL


async def wants(queue: Queue, owner: str, artifact_id: str) -> bool:
    """Whether an owner that is there may still show an artifact, or listens to it.

    A job that succeeded does not want what attempts left that did not finish.
    """
    if is_upload(owner):
        return True
    try:
        shown = shown_by(await queue.get(owner))
    except (JobNotFound, JobExpired, QueueUnavailable):  # equal jobs show what it made
        return True
    return shown is None or artifact_id in shown
