"""One thread that does one kind of work, in the order in which it was given."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Generic, TypeVar

W = TypeVar("W")


class Lane(Generic[W]):
    """`work` must not raise."""

    def __init__(self, name: str, work: Callable[[W], None]) -> None:
        self._work = work
        self._given: SimpleQueue[tuple[W] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: W) -> None:
        self._given.put((item,))

    def close(self, timeout_s: float) -> None:
        """End the thread after what was given before."""
        self._given.put(None)
        if current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """A call of its own, so that an idle lane keeps nothing alive."""
        item = self._given.get()
        if item is None:
            return False
        self._work(*item)
        return True
