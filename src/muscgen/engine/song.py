"""What goes into the engine and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate

from muscgen.audio import Audio
from muscgen.backends.base import Codes, Melody, ModelShape
from muscgen.engine.windows import Window, windows
from muscgen.request import LongForm, Sampling, Section, SongRequest


@dataclass(frozen=True, slots=True)
class Song:
    """One output of a request: everything that its codes depend on, beside the model.

    prompt: None where there are sections, or no text at all.
    attempt: 0, or how often a song of this seed was thrown away; each attempt draws other codes.
    long_form: None is one window over the whole song.
    melody: for a melody model, whose other row then gets the null melody.
    heard_from_s: what is before it is made, or given as codes, but not handed out.
    """

    prompt: str | None
    negative_prompt: str | None
    duration_s: float
    seed: int
    sampling: Sampling
    attempt: int = 0
    long_form: LongForm | None = None
    sections: tuple[Section, ...] = ()
    melody: Melody | None = field(default=None, compare=False)
    heard_from_s: float = 0.0

    @classmethod
    def of(
        cls,
        request: SongRequest,
        output: int,
        attempt: int = 0,
        *,
        melody: Melody | None = None,
        heard_from_s: float = 0.0,
    ) -> Song:
        return cls(
            request.prompt,
            request.negative_prompt,
            request.duration_s,
            request.seed_of(output),
            request.sampling,
            attempt,
            request.long_form,
            request.sections or (),
            melody,
            heard_from_s,
        )

    @property
    def guided(self) -> bool:
        """Whether the song needs a second row: at scale 1 the second row would weigh nothing."""
        return self.sampling.guidance_scale > 1

    @property
    def prompts(self) -> tuple[str | None, ...]:
        """One a section; None is no text."""
        return tuple(section.prompt for section in self.sections) or (self.prompt,)

    def samples(self, shape: ModelShape) -> int:
        """The song's exact length in samples a channel."""
        return max(1, round(self.duration_s * shape.sample_rate))

    def unheard_samples(self, shape: ModelShape) -> int:
        """How many of them open the song and are not handed out."""
        return min(round(self.heard_from_s * shape.sample_rate), self.samples(shape) - 1)

    def frames(self, shape: ModelShape) -> int:
        """The fewest frames that hold all samples. Counted in samples: 1.1 s x 50 is 55.000000000000007."""
        return -(-self.samples(shape) // shape.hop)

    def section_starts(self, shape: ModelShape) -> tuple[int, ...]:
        """The first frame of each section."""
        ends_s = accumulate(section.duration_s for section in self.sections[:-1])
        return (0, *(round(end_s * shape.frame_rate) for end_s in ends_s))

    def windows(self, shape: ModelShape) -> tuple[Window, ...]:
        """What the model sees at once, from the first to the last."""
        frames = self.frames(shape)
        window = known = frames
        if self.long_form is not None:
            window = max(2, round(self.long_form.window_s * shape.frame_rate))
            stride = min(window - 1, max(1, round(self.long_form.stride_s * shape.frame_rate)))
            known = window - stride
        ends = (*self.section_starts(shape)[1:], frames) if shape.melody else (frames,)
        return windows(ends, window, known)


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
    """How far a song is. Steps count all passes of the language model, replayed codes among them.

    A song all of whose codes were known takes none.
    """

    steps_done: int
    steps_total: int
    audio_s_done: float

    @property
    def fraction(self) -> float:
        return self.steps_done / self.steps_total if self.steps_total else 1.0
