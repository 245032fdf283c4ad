"""Batches made on a thread while the device is busy with the ones before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

B = TypeVar("B")
Place = tuple[int, int]  # a step, and which of its batches
_AHEAD = 4  # batches that wait, at most


class Ahead(Generic[B]):
    """make: a function of its place and of nothing else, so that it does not matter when it is called.

    Batches come in the order of `places`; what went wrong with one is raised where it is taken.
    """

    def __init__(self, make: Callable[[int, int], B], places: Iterable[Place], threads: int = 1) -> None:
        self._make, self._places = make, iter(places)
        self._threads = ThreadPoolExecutor(threads, "batches")
        self._coming: deque[Future[B]] = deque()
        self._depth = _AHEAD + threads - 1

    def __enter__(self) -> Self:
        for _ in range(self._depth):
            self._ask()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[B]:
        return self

    def __next__(self) -> B:
        if not self._coming:
            raise StopIteration
        batch = self._coming.popleft().result()
        self._ask()
        return batch

    def _ask(self) -> None:
        if (place := next(self._places, None)) is not None:
            self._coming.append(self._threads.submit(self._make, *place))
