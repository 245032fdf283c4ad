"""What a song is told when something underneath it broke."""

from __future__ import annotations

import logging

from muscgen.errors import InternalError, MuscgenError

_log = logging.getLogger("muscgen.engine")


def failure(doing: str, error: Exception) -> MuscgenError:
    """Our own errors as they are; any other is logged with its trace, and named without its text."""
    if isinstance(error, MuscgenError):
        return error
    _log.error("engine.failed", exc_info=error, extra={"fields": {"doing": doing}})
    wrapped = InternalError(f"{doing} the song failed: {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
