"""The work on this machine: processes that take orders, and do not take the run with them when they die."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from muscgen import telemetry
from muscgen.data.place import Place
from muscgen.data.preparer import Job, Preparer
from muscgen.data.work import Bench, Order, given_up

AHEAD = 4  # orders a worker that are handed out beforehand
Record = dict[str, Any]
_preparer: Preparer | None = None


def on_this_machine(orders: Iterable[Order], job: Job, workers: int) -> Iterator[Record]:
    """A record for each order, in the order in which they are done.

    Where a worker dies, those it may have died of are tried again, in processes that do one thing at a time;
    what kills one that has done nothing before is told in its record. Raises OSError where nothing can be
    written.
    """
    waiting = iter(orders)
    while True:
        suspects, ends = yield from _until_broken(waiting, job, workers)
        if not suspects:
            return
        telemetry.warning("data.worker_died", orders=len(suspects), exit_codes=ends)
        yield from _one_by_one(suspects, job, workers)


def _until_broken(
    waiting: Iterator[Order], job: Job, workers: int
) -> Generator[Record, None, tuple[list[Order], list[int]]]:
    """Returns the orders that were handed out when a worker died, none where all are done; and how it ended.

    An exit code below zero is a signal's number; the pool itself ends those that are left by SIGTERM.
    """
    pool = _pool(job, workers)
    processes: list[BaseProcess] = []
    under_way: dict[Future[Record], Order] = {}
    broken: list[Order] = []
    try:
        while True:
            broken += _fill(pool, under_way, waiting, workers * AHEAD)
            processes = processes or active_children()  # all begin with the first order
            if not under_way or broken:
                break
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                order = under_way.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken.append(order)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    for future, order in under_way.items():
        if future.done() and future.exception() is None:
            yield future.result()
        else:
            broken.append(order)
    return broken, [code for one in processes if (code := one.exitcode) not in (None, 0, -signal.SIGTERM)]


def _fill(
    pool: ProcessPoolExecutor, under_way: dict[Future[Record], Order], waiting: Iterator[Order], most: int
) -> list[Order]:
    """Hand out orders; one that no worker is left to take comes back."""
    while len(under_way) < most and (order := next(waiting, None)) is not None:
        try:
            under_way[pool.submit(_take, order)] = order
        except BrokenProcessPool:
            return [order]
    return []


def _one_by_one(orders: list[Order], job: Job, workers: int) -> Iterator[Record]:
    """By as many processes as there are workers, each with one order at a time: a death has one cause."""
    count = min(workers, len(orders))
    loners = [_Loner(job) for _ in range(count)]
    idle: queue.SimpleQueue[_Loner] = queue.SimpleQueue()
    for loner in loners:
        idle.put(loner)

    def tried(order: Order) -> Record:
        loner = idle.get()
        try:
            return loner.take(order)
        finally:
            idle.put(loner)

    threads = ThreadPoolExecutor(count, "loners")
    try:
        for future in as_completed([threads.submit(tried, order) for order in orders]):
            yield future.result()
    finally:
        threads.shutdown(cancel_futures=True)
        for loner in loners:
            loner.close()


class _Loner:
    """A process that takes one order at a time, and is replaced where it dies."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._pool: ProcessPoolExecutor | None = None

    def take(self, order: Order) -> Record:
        """What kills a process that has done others is tried once more in a fresh one."""
        fresh = self._pool is None
        self._pool = self._pool or _pool(self._job, 1)
        try:
            return self._pool.submit(_take, order).result()
        except BrokenProcessPool:
            self.close()
        if not fresh:
            return self.take(order)
        bench = Bench(Place(Path(self._job.out)), self._job.sound)
        return given_up(order, bench, "whatever decodes or measures it does not survive it")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _pool(job: Job, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, get_context("spawn"), _begin, (job,))


def _begin(job: Job) -> None:
    """In the worker: one thread, no Ctrl-C of its own, and no life without the parent."""
    global _preparer  # noqa: PLW0603  this is how a pool's worker keeps what it loaded
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(job.threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _preparer = Preparer(job)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _take(order: Order) -> Record:
    assert _preparer is not None  # noqa: S101  set when the worker began
    return _preparer(order)
