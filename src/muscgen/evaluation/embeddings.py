"""What a sound is compared by: clips in, vectors of short windows out.

mel       statistics of log-mel bands of a second, and their cosine transform over bands: 32 numbers. No
          weights. It hears timbre, dynamics, noise and bandwidth, and nothing of harmony or form.
families  what the small net of families.py makes of a second before it names instruments: 64 numbers. It
          ships too; it hears instruments, and was taught to overlook a tilt of the spectrum.
codec     the model's own codec before its vectors become codes, means of a tenth of a second. It favours the
          model whose codec it is.
Others need weights: pretrained.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from muscgen.audio import Audio
from muscgen.backends.hearing import vectors_of
from muscgen.backends.listening import Listener
from muscgen.evaluation import families, spectra
from muscgen.evaluation.spectra import Floats
from muscgen.intake import fitted

_KEPT = 8  # of the cosine transform, for each of the four statistics
_MEAN_FRAMES = 5


class Embedding(Protocol):
    """A way to hear. Equal clips give equal vectors."""

    @property
    def name(self) -> str: ...

    def __call__(self, audio: Audio) -> Floats:
        """[W, D]: one vector a window, at least one."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """An embedding that is a function."""

    name: str
    made: Callable[[Audio], Floats]

    def __call__(self, audio: Audio) -> Floats:
        return self.made(audio)


def offline() -> list[Embedding]:
    """Those that are always there."""
    return [Plain("mel", _mel), Plain("families", families.hidden)]


def codec_of(listener: Listener) -> Embedding:
    """The embedding of a model that hears."""
    shape = listener.shape

    def made(audio: Audio) -> Floats:
        samples = fitted(audio, shape.sample_rate, shape.channels)
        vectors = vectors_of(listener.config.codec, listener.ear, samples)  # [C, W, F]
        frames = vectors.reshape(-1, vectors.shape[2]).T.astype(np.float64)
        count = max(1, len(frames) // _MEAN_FRAMES)
        return np.stack([part.mean(axis=0) for part in np.array_split(frames, count)])

    return Plain("codec", made)


def _mel(audio: Audio) -> Floats:
    statistics = spectra.seconds(spectra.log_mel(audio))
    parts = statistics.reshape(len(statistics), -1, spectra.BANDS) @ _cosines()
    return parts.reshape(len(statistics), -1)


@lru_cache(1)
def _cosines() -> Floats:
    """The first rows of the orthonormal cosine transform (type II) [BANDS, kept]."""
    places = (np.arange(spectra.BANDS)[:, None] + 0.5) * np.arange(_KEPT) * np.pi / spectra.BANDS
    rows = np.cos(places) * np.sqrt(2 / spectra.BANDS)
    rows[:, 0] /= np.sqrt(2)
    return np.asarray(rows)
