"""A piece as it is written down: who plays what from which sixteenth on, and how loudly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinysong import meaning

Part = Literal["bass", "harmony", "lead"]


@dataclass(slots=True)
class Note:
    """start, length: in sixteenths. pitch: of bass and lead; of a chord its root. velocity: 1 to 127."""

    part: Part
    start: int
    length: int
    pitch: int
    velocity: int
    quality: str = ""


@dataclass(slots=True)
class Hit:
    """A stroke of the kit, in the sixteenth where it falls."""

    start: int
    hit: str
    velocity: int


@dataclass(frozen=True, slots=True)
class Score:
    """sixteenth: frames in one. key: 0 is C. Instruments are empty where nobody plays the part.

    swing: frames by which the first two sixteenths of a beat are longer, and the others shorter.
    answer: who plays the chords on the right in stereo; echo_frames: by which the lead is later there.
    shape: what loudness does on the whole, see loudness.py; levels: a bar each, none is loud.
    """

    style: str
    sixteenth: int
    key: int
    minor: bool
    beats: int
    lead: str
    harmony: str
    bass: str
    kit: str
    length: int  # sixteenths
    swing: int = 0
    answer: str = ""
    echo_frames: int = 0
    shape: str = ""
    levels: list[float] = field(default_factory=list)
    form: list[str] = field(default_factory=list)  # a letter a bar
    traits: set[str] = field(default_factory=set)  # what else a caption may say
    notes: list[Note] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)

    @property
    def tempo_bpm(self) -> float:
        return meaning.tempo_bpm(self.sixteenth)

    @property
    def key_name(self) -> str:
        return f"{meaning.KEYS[self.key]} {'minor' if self.minor else 'major'}"

    @property
    def frames(self) -> int:
        return self.length * self.sixteenth

    def starts(self) -> NDArray[np.int64]:
        """Frames at which sixteenths begin, and the end [length + 1]."""
        long, short = self.sixteenth + self.swing, self.sixteenth - self.swing
        lengths = np.tile((long, long, short, short), self.length // 4)
        return np.concatenate(([0], np.cumsum(lengths)))

    def pitches(self, note: Note) -> list[int]:
        """What sounds: one pitch, or a chord's."""
        if note.part == "harmony":
            return meaning.voicing(self.harmony, note.pitch, note.quality)
        return [note.pitch]

    def codes(self) -> NDArray[np.int16]:
        """[4, frames]."""
        from tinysong import spelling

        return spelling.codes(self)

    def codes_stereo(self) -> NDArray[np.int16]:
        """[8, frames]: codebooks left and right in turn, as MusicGen's stereo checkpoints have them."""
        from tinysong import spelling

        return spelling.stereo(self)
