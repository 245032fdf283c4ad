"""The Makefile hands on what it is given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("prompt", ['say "hi"', "it's `date`", "a/b; ünï", "--loud"])
def test_a_prompt_reaches_the_demo_as_it_was_written(tmp_path, prompt):
    command = tmp_path / "muscgen"
    command.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", "utf-8")
    command.chmod(0o755)
    (tmp_path / "base").touch()
    done = subprocess.run(
        ["make", "demo", f"BIN={tmp_path}", f"BASE={tmp_path}/base", f"PROMPT={prompt}"],
        cwd=ROOT,
        # `make test` runs this too, and would hand down its own flags and level.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["--", prompt]
