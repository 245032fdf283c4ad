"""muscgen: the music generation server.

What people import is named here and loaded when it is first asked for: `import muscgen` costs nothing, and a
process loads only its own side of the house.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muscgen.api import create_app
    from muscgen.audio import Audio
    from muscgen.client import AsyncClient, Client
    from muscgen.engine import Engine, Handle, Made, Song
    from muscgen.errors import MuscgenError
    from muscgen.jobs import Queue
    from muscgen.request import GenerateRequest, SongRequest

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Audio",
    "Client",
    "Engine",
    "GenerateRequest",
    "Handle",
    "Made",
    "MuscgenError",
    "Queue",
    "Song",
    "SongRequest",
    "create_app",
]

_ROOMS = {
    "create_app": "api",
    "Audio": "audio",
    **dict.fromkeys(("AsyncClient", "Client"), "client"),
    **dict.fromkeys(("Engine", "Handle", "Made", "Song"), "engine"),
    "MuscgenError": "errors",
    "Queue": "jobs",
    **dict.fromkeys(("GenerateRequest", "SongRequest"), "request"),
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
