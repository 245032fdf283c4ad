"""muscgen: the music generation server."""

__version__ = "0.1.0"
