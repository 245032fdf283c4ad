"""A watermark for music: keyed, inaudible, blind, without weights.

grid.py has the picture. `embed` or the streaming `Embedder` writes it, `detect` finds it in any excerpt of
some seconds, payload.py says what it tells. It belongs to the family of Westerfeld's audiowmark and of
patchwork marks (Bender et al. 1996): keyed changes of the magnitudes of short-time spectra, with error
correction; the code is ours.
"""

from muscgen.provenance.watermark.detect import Detection, detect
from muscgen.provenance.watermark.embed import Embedder, embed
from muscgen.provenance.watermark.payload import Payload

__all__ = ["Detection", "Embedder", "Payload", "detect", "embed"]
