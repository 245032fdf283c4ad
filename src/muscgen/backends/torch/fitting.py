"""As many rows as the device has memory for, and what happens where that runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from muscgen import telemetry
from muscgen.errors import ConfigurationError

Made = TypeVar("Made")
FEWEST_ROWS = 2  # a song with guidance


def fitting(rows: int, make: Callable[[int], Made]) -> Made:
    """make(rows), with half the rows as often as memory does not suffice.

    Raises ConfigurationError where not even one song fits.
    """
    asked = rows
    while True:
        try:
            made = make(rows)
        except torch.OutOfMemoryError as error:
            if rows <= FEWEST_ROWS:
                raise ConfigurationError(f"the device has no memory for {rows} rows: {error}") from error
        else:
            if rows < asked:
                telemetry.warning("backend.fewer_rows", asked=asked, rows=rows)
            return made
        rows = max(FEWEST_ROWS, rows // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextmanager
def fitting_weights(device: torch.device) -> Iterator[None]:
    """Raises ConfigurationError where the device has no memory for them."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ConfigurationError(
            f"device {device} has no memory for the model's weights: {error}", param="device"
        ) from error


@contextmanager
def memory_errors() -> Iterator[None]:
    """Python's own MemoryError, which the engine knows, for the device's."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise MemoryError(str(error)) from error
