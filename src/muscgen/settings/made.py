"""Secrets that an installation makes for itself where the settings give none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from muscgen.errors import ConfigurationError


def kept_secret(file: Path, make: Callable[[], str], param: str) -> str:
    """The file's text. One that is not there is made, readable by its owner alone.

    Whoever comes first makes it; all others read it. Raises ConfigurationError naming `param`.
    """
    try:
        return _read(file) or _made(file, make())
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", param=param) from error


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""


def _made(file: Path, text: str) -> str:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    part.touch(mode=0o600)
    try:
        part.write_text(text, "utf-8")
        os.link(part, file)
    except FileExistsError:
        return file.read_text("utf-8")
    finally:
        part.unlink()
    return text
