"""The only waveform that crosses a boundary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound as samples.

    samples: float32 [C, T], nominally -1..1; channels first.
    sample_rate: Hz.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise ValueError(f"samples are float32 [C, T], not {self.samples.dtype} {self.samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"a sample rate is positive, not {self.sample_rate}")

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration_s(self) -> float:
        return float(self.samples.shape[-1] / self.sample_rate)

    def trimmed(self, duration_s: float) -> Audio:
        """The first `duration_s` seconds, exact to the sample."""
        return Audio(self.samples[:, : round(duration_s * self.sample_rate)], self.sample_rate)


def join(chunks: list[Audio]) -> Audio:
    """Chunks of one sound, in order, as one. At least one chunk; all of one rate and width."""
    kinds = {(chunk.sample_rate, chunk.channels) for chunk in chunks}
    if len(kinds) != 1:
        raise ValueError(f"chunks of one sound have one sample rate and one width, not {sorted(kinds)}")
    return Audio(np.concatenate([chunk.samples for chunk in chunks], axis=1), chunks[0].sample_rate)
