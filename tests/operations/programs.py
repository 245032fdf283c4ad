"""Programs outside Python that tests of operations use."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def program(name: str, how: str) -> str:
    """Its path; without it the test is skipped, unless it must be there. how: to get it."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        assert "TESTS_REQUIRE_PROGRAMS" not in os.environ, f"{name} is not installed: {how}"
        pytest.skip(f"{name} is not installed: {how}")
    return found
