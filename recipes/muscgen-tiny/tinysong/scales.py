"""How much of everything: one word for a try, a night, or an hour of a GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinysong.meaning import FRAMES_S


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the language model's training; the names are those of docs/training.md."""

    share: float
    window_s: float
    batch: int
    openings: float


@dataclass(frozen=True, slots=True)
class Singing:
    """The language model's training, from the shipped one's weights."""

    steps: int
    learning_rate: float
    stages: tuple[Stage, ...]
    average: float
    warmup_steps: int
    every_steps: int
    least: float = 0.02
    text_rate: float = 0.5


@dataclass(frozen=True, slots=True)
class Teaching:
    """What the encoder learns from features of sound, on CPUs (lessons.py).

    steps: one a window of so many frames; windows: that follow each other in a song, heard one after another.
    composed, exchanged: songs that the decoder plays, as they are and with codebooks of several.
    rendered: of a batch, FluidSynth's; exchange: of what is left. changed: of windows, as foreign sound is.
    """

    steps: int
    batch: int
    frames: int
    windows: int
    learning_rate: float
    composed: int
    exchanged: int
    rendered: float = 0.5
    exchange: float = 0.25
    changed: float = 0.6
    average: float = 0.998
    warmup_steps: int = 100
    least: float = 0.02

    @property
    def passage(self) -> int:
        """Frames of one song that are heard without a break."""
        return self.windows * self.frames

    @property
    def passage_s(self) -> float:
        return self.passage / FRAMES_S


@dataclass(frozen=True, slots=True)
class Continuing:
    """What the language model learns of songs whose beginning it has from the encoder (continuing.py).

    fewest, most: frames that are heard; frames: that follow at least, and are learnt; whole: frames of the
    longest windows, and of those of which nothing is heard: what is late in a song is forgotten, if it is not
    learnt. openings: of the latter, the share that begins where a song does. composed, rendered:
    songs that are heard, which are not among those that taught the encoder. taken: of what was learnt; the
    rest of each weight is what it was.
    """

    steps: int
    batch: int
    fewest: int
    most: int
    frames: int
    whole: int
    learning_rate: float
    composed: int
    rendered: int
    openings: float = 0.6
    taken: float = 0.5
    average: float = 0.995
    warmup_steps: int = 50
    least: float = 0.02

    @property
    def most_s(self) -> float:
        """Of sound that is heard."""
        return self.most / FRAMES_S


@dataclass(frozen=True, slots=True)
class Listening:
    """The encoder's training from sound itself.

    rendered: windows of real sound. changed: of windows, see [hearing].
    exchange: of the other windows, those whose codebooks are of several songs.
    front_rate: its front was built and hears as it should; what learns is behind it.
    """

    steps: int
    batch: int
    window_s: float
    learning_rate: float
    every_steps: int
    rendered: float = 0.5
    changed: float = 0.5
    exchange: float = 0.3
    front_rate: float = 0.0
    warmup_steps: int = 100
    least: float = 0.02


@dataclass(frozen=True, slots=True)
class Scale:
    """composed, rendered: songs by split, of so many seconds. prompts: that judge, with songs of judged_s.

    twin: the language model's training in stereo, where it is another.
    """

    composed: dict[str, int]
    rendered: dict[str, int]
    seconds: float
    lm: Singing
    teaching: Teaching
    continuing: Continuing
    ears: Listening
    prompts: int
    judged_s: float
    twin: Singing | None = None

    def of_steps(self, lm: int | None, teaching: int | None, ears: int | None) -> Scale:
        """As long as there is time for; None is as it was."""
        return replace(
            self,
            lm=replace(self.lm, steps=lm or self.lm.steps),
            twin=self.twin and replace(self.twin, steps=lm or self.twin.steps),
            teaching=replace(self.teaching, steps=teaching or self.teaching.steps),
            ears=replace(self.ears, steps=ears or self.ears.steps),
        )


_TAUGHT = Teaching(
    steps=10_000, batch=48, frames=150, windows=8, learning_rate=1.6e-3, composed=1_200, exchanged=600
)  # on CPUs at every scale but a try's
_CONTINUED = Continuing(
    steps=1_650,
    batch=6,
    fewest=100,
    most=600,
    frames=300,
    whole=1_400,
    learning_rate=3e-4,
    composed=2_000,
    rendered=600,
)
SCALES = {
    "smoke": Scale(
        composed={"train": 24, "valid": 4, "test": 0},
        rendered={"train": 2, "valid": 1, "test": 2},
        seconds=4.0,
        lm=Singing(
            steps=2,
            learning_rate=1e-4,
            stages=(Stage(1, 1.0, 2, 0.5), Stage(1, 2.0, 1, 0.5)),
            average=0.5,
            warmup_steps=0,
            every_steps=2,
        ),
        teaching=Teaching(
            steps=2,
            batch=4,
            frames=20,
            windows=2,
            learning_rate=1e-3,
            composed=6,
            exchanged=2,
            warmup_steps=0,
        ),
        continuing=Continuing(
            steps=2,
            batch=2,
            fewest=10,
            most=20,
            frames=20,
            whole=60,
            learning_rate=1e-5,
            composed=6,
            rendered=1,
            warmup_steps=0,
        ),
        ears=Listening(steps=2, batch=1, window_s=0.6, learning_rate=1e-5, every_steps=2),
        prompts=2,
        judged_s=2.0,
    ),
    "night": Scale(
        composed={"train": 10_000, "valid": 100, "test": 0},
        rendered={"train": 3_900, "valid": 24, "test": 48},
        seconds=30.0,
        lm=Singing(
            steps=3_000,
            learning_rate=3e-4,
            stages=(Stage(2, 8.0, 8, 0.3), Stage(1, 30.0, 2, 0.6)),
            average=0.995,
            warmup_steps=50,
            every_steps=500,
        ),
        teaching=_TAUGHT,
        continuing=_CONTINUED,
        ears=Listening(steps=50, batch=4, window_s=4.0, learning_rate=2e-5, every_steps=50),
        prompts=48,
        judged_s=10.0,
    ),
    "gpu": Scale(
        composed={"train": 40_000, "valid": 200, "test": 0},
        rendered={"train": 3_900, "valid": 24, "test": 48},
        seconds=30.0,
        lm=Singing(
            steps=3_250,
            learning_rate=1e-3,
            stages=(Stage(1, 2.56, 192, 0.7), Stage(1.5, 7.68, 96, 0.6), Stage(5, 30.0, 32, 0.6)),
            average=0.998,
            warmup_steps=150,
            every_steps=300,
        ),
        teaching=_TAUGHT,
        continuing=_CONTINUED,
        ears=Listening(
            steps=1_000, batch=32, window_s=6.0, learning_rate=1e-4, every_steps=500, rendered=0.4
        ),
        prompts=48,
        judged_s=10.0,
        twin=Singing(
            steps=3_184,
            learning_rate=1e-3,
            stages=(Stage(1, 2.56, 128, 0.7), Stage(1.5, 7.68, 64, 0.6), Stage(4, 30.0, 20, 0.6)),
            average=0.998,
            warmup_steps=150,
            every_steps=200,
        ),
    ),
}
