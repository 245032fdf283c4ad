"""The delay pattern: codebook k lags delays[k] steps.

For delays (0, 1, 2, 3), a song of F = 3 frames `abc`, and `.` for the special token:

    step          0   1   2   3   4   5
    codebook 0    a0  b0  c0  .   .   .
    codebook 1    .   a1  b1  c1  .   .
    codebook 2    .   .   a2  b2  c2  .
    codebook 3    .   .   .   a3  b3  c3

The picture shows what each step *yields*, and the next step is fed; step 0 is fed special tokens only.
A frame is whole when its slowest codebook is there: F frames need F + max(delays) steps, and frame f is
certain after step f + max(delays).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Codes


@dataclass(frozen=True, slots=True)
class DelayPattern:
    """Where each code of a song of `frames` frames stands."""

    delays: tuple[int, ...]
    frames: int

    @property
    def steps(self) -> int:
        return self.frames + max(self.delays)

    def certain_frames(self, steps_done: int) -> int:
        """How many frames are whole after so many steps."""
        return min(self.frames, max(0, steps_done - max(self.delays)))

    def frame_at(self) -> NDArray[np.int64]:
        """[steps, K]: the frame whose code a step yields; outside 0..frames-1 there is none."""
        steps = np.arange(self.steps, dtype=np.int64)
        return np.subtract.outer(steps, np.asarray(self.delays, np.int64))

    def has_code(self) -> NDArray[np.bool_]:
        """[steps, K]: where a code is, and no special token."""
        frame = self.frame_at()
        return np.logical_and(frame >= 0, frame < self.frames)

    def apply(self, codes: Codes, special: int) -> Codes:
        """codes [K, F] -> what the steps yield, [steps, K]."""
        track = np.full((self.steps, len(self.delays)), special, np.int32)
        for k, lag in enumerate(self.delays):
            track[lag : lag + self.frames, k] = codes[k]
        return track

    def frames_of(self, track: Codes, start: int, stop: int) -> Codes:
        """What the steps yielded, [steps, K] -> the codes of frames start..stop-1, [K, stop - start]."""
        return np.stack([track[start + lag : stop + lag, k] for k, lag in enumerate(self.delays)])
