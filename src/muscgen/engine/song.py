"""What goes into the engine and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from muscgen.audio import Audio
from muscgen.backends.base import Codes, ModelShape
from muscgen.request import Sampling, SongRequest


@dataclass(frozen=True, slots=True)
class Song:
    """One output of a request: everything that its codes depend on, beside the model.

    attempt: 0, or how often a song of this seed was thrown away; each attempt draws other codes.
    """

    prompt: str
    negative_prompt: str | None
    duration_s: float
    seed: int
    sampling: Sampling
    attempt: int = 0

    @classmethod
    def of(cls, request: SongRequest, output: int, attempt: int = 0) -> Song:
        return cls(
            request.prompt,
            request.negative_prompt,
            request.duration_s,
            request.seed_of(output),
            request.sampling,
            attempt,
        )

    @property
    def guided(self) -> bool:
        """Whether the song needs a second row: at scale 1 the second row would weigh nothing."""
        return self.sampling.guidance_scale > 1

    def samples(self, shape: ModelShape) -> int:
        """The song's exact length in samples a channel."""
        return max(1, round(self.duration_s * shape.sample_rate))

    def frames(self, shape: ModelShape) -> int:
        """The fewest frames that hold all samples. Counted in samples: 1.1 s x 50 is 55.000000000000007."""
        return -(-self.samples(shape) // shape.hop)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A finished song.

    codes: int32 [K, F]. audio: exact to the sample.
    steps: passes of the language model. compute_s: from taking a slot to the last sample.
    time_to_first_audio_s: from submission to the first chunk.
    """

    codes: Codes
    audio: Audio
    steps: int
    compute_s: float
    time_to_first_audio_s: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a song is."""

    steps_done: int
    steps_total: int
    audio_s_done: float

    @property
    def fraction(self) -> float:
        return self.steps_done / self.steps_total
