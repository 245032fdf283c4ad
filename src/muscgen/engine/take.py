"""One performance of a song: what was drawn so far, and what the next step needs."""

from __future__ import annotations

import numpy as np

from muscgen.backends.base import Codes, ModelShape, TextStates
from muscgen.engine.delay import DelayPattern
from muscgen.engine.handle import Handle
from muscgen.engine.randomness import uniforms
from muscgen.engine.song import Song
from muscgen.errors import DurationTooLong


class Take:
    """A song on its way through the model. Only the engine's loop writes it."""

    def __init__(self, song: Song, shape: ModelShape) -> None:
        """Raises DurationTooLong when the slab cannot hold the song."""
        frames = song.frames(shape)
        if frames > shape.max_frames:
            longest_s = shape.max_frames / shape.frame_rate
            raise DurationTooLong(
                f"duration is {song.duration_s:g} s; this model holds up to {longest_s:g} s", param="duration"
            )
        self.song = song
        self.samples = song.samples(shape)
        self.pattern = DelayPattern(shape.delays, frames)
        self.handle = Handle(self.pattern.steps)
        self.texts: list[TextStates | None] = []  # one a row: conditional, then negative or null
        self.steps_done = 0
        self.decoded_frames = 0
        self.seated_at_s = 0.0
        self.draws = uniforms(song.seed, self.pattern.frame_at(), shape.codebooks, song.attempt)  # [steps, K]
        self._has_code = self.pattern.has_code()
        self._first = np.full(shape.codebooks, shape.special, np.int32)
        self._track = np.full((self.pattern.steps, shape.codebooks), shape.special, np.int32)

    @property
    def rows(self) -> int:
        return 2 if self.song.guided else 1

    @property
    def complete(self) -> bool:
        return self.steps_done == self.pattern.steps

    @property
    def tokens(self) -> Codes:
        """What the next step is fed, [K]."""
        return self._track[self.steps_done - 1] if self.steps_done else self._first

    def record(self, codes: Codes) -> None:
        """Take what a step drew, [K]; where the pattern has no code, the special token stays."""
        np.copyto(self._track[self.steps_done], codes, where=self._has_code[self.steps_done])
        self.steps_done += 1
        self.handle.advance(self.steps_done)

    def next_codes(self, chunk_frames: int) -> Codes | None:
        """The next chunk's codes [K, F] once they are certain, or at the end what is left."""
        start, certain = self.decoded_frames, self.pattern.certain_frames(self.steps_done)
        if certain - start < chunk_frames and not self.complete:
            return None
        self.decoded_frames = certain
        return self.pattern.frames_of(self._track, start, certain)

    def codes(self) -> Codes:
        """All codes of a complete take, [K, F]."""
        return self.pattern.frames_of(self._track, 0, self.pattern.frames)
