"""The engine: songs go in, each takes a slot, all are stepped together, sound comes out while they run."""

from muscgen.engine.engine import Engine
from muscgen.engine.handle import Handle
from muscgen.engine.song import Made, Progress, Song

__all__ = ["Engine", "Handle", "Made", "Progress", "Song"]
