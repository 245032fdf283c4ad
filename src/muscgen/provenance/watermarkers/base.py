"""What every watermark can do: be written while sound streams, and be found again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.provenance.watermark import Payload

Floats = NDArray[np.float32]


class Stream(Protocol):
    """Sound goes in, and comes out marked a little later."""

    def push(self, samples: Floats, *, last: bool = False) -> Floats:
        """Samples [C, T] -> those [C, T'] that are marked by now; with `last` all that are left."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A watermark that was found, as its method tells it.

    confidence: the larger the surer, by a scale of the method's own. deployment, key_version, job: what the
    payload says; None for what the method has no room for. key: version of the key that found it; chance: of
    any sound to be taken for one with this mark, at most; None for a method without. tempo, pitch: what the
    sound is played at, 1 as it was made. start_s: where the excerpt begins in which it was found.
    """

    method: str
    confidence: float
    deployment: int | None = None
    key_version: int | None = None
    job: int | None = None
    key: int | None = None
    chance: float | None = None
    tempo: float = 1.0
    pitch: float = 1.0
    start_s: float = 0.0

    @property
    def keyed(self) -> bool:
        """Whether it proves anything: without a key, anybody with the method's weights can write it."""
        return self.key is not None

    def payloads(self, versions: Iterable[int]) -> list[Payload]:
        """Whole payloads that it may be part of; none where it does not say which song it is."""
        if self.deployment is None or self.job is None:
            return []
        said = versions if self.key_version is None else (self.key_version,)
        return [Payload(self.deployment, version, self.job) for version in said]

    def agrees(self, payload: Payload) -> bool:
        """Nothing of what was heard speaks against the payload."""
        said = self.deployment, self.key_version, self.job
        meant = payload.deployment, payload.key_version, payload.job
        return all(one is None or one == other for one, other in zip(said, meant, strict=True))


class Watermarker(Protocol):
    """A method with its keys or weights."""

    @property
    def method(self) -> str:
        """As results, receipts and credentials call it."""

    @property
    def rate_hz(self) -> int:
        """Of the sound that it listens to: what has a higher rate has no more of the mark."""

    def stream(self, payload: Payload, *, sample_rate: int, channels: int) -> Stream:
        """Marks one song; what goes in piece by piece comes out as the whole would."""

    def find(self, audio: Audio, *, warped: bool = True) -> Heard | None:
        """The clearest mark in sound of any length.

        warped: also look for what is played at another speed, where the method can; it takes longer.
        """
