"""What a song is told when something underneath it broke."""

from __future__ import annotations

from muscgen import telemetry
from muscgen.backends.losses import lost_device
from muscgen.errors import DeviceLost, InternalError, MuscgenError


def failure(doing: str, error: Exception) -> MuscgenError:
    """Our own errors as they are; any other is logged with its trace, and named without its text."""
    if isinstance(error, MuscgenError):
        return error
    telemetry.error("engine.failed", error, doing=doing)
    if lost_device(error):
        lost = DeviceLost("the accelerator was lost while the song was made; another worker goes on with it")
        lost.__cause__ = error
        return lost
    wrapped = InternalError(f"{doing} the song failed: {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
