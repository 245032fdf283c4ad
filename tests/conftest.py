"""For all tests. Its place also lets every test import `tiny`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import hypothesis
import pytest

# A busy machine is no failure; what hangs is ended by the time limit of every test.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Callable[[bytes], BinaryIO]]:
    """Content as an open file."""
    opened: list[BinaryIO] = []

    def make(content: bytes) -> BinaryIO:
        path = tmp_path / f"file-{len(opened)}"
        path.write_bytes(content)
        opened.append(path.open("rb"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
