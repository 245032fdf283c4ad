"""Ways to mark a song: ours, and others behind the same protocol where their weights are (base.py)."""

from muscgen.provenance.watermarkers.base import Heard, Stream, Watermarker
from muscgen.provenance.watermarkers.choice import watermarker
from muscgen.provenance.watermarkers.ours import Ours

__all__ = ["Heard", "Ours", "Stream", "Watermarker", "watermarker"]
