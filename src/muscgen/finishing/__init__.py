"""From a song's waveform to a file that anyone can play and check."""

from muscgen.finishing.pipeline import Finished, finish

__all__ = ["Finished", "finish"]
