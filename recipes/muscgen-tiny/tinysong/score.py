"""A piece as it is written down: who plays what from which sixteenth on, how loudly; and its codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinysong import meaning

Part = Literal["bass", "harmony", "lead"]


@dataclass(frozen=True, slots=True)
class Note:
    """start, length: in sixteenths. pitch: of bass and lead; of a chord its root. velocity: 1 to 127."""

    part: Part
    start: int
    length: int
    pitch: int
    velocity: int
    quality: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A stroke of the kit, in the sixteenth where it falls."""

    start: int
    hit: str
    velocity: int


@dataclass(frozen=True, slots=True)
class Score:
    """sixteenth: frames in one. key: 0 is C. Instruments are empty where nobody plays the part."""

    style: str
    mood: str
    sixteenth: int
    key: int
    minor: bool
    beats: int
    lead: str
    harmony: str
    bass: str
    kit: str
    length: int  # sixteenths
    form: str
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

    def codes(self) -> NDArray[np.int16]:
        """[4, frames]. Codes say nothing of loudness: dynamics are who plays."""
        codes = np.zeros((meaning.BOOKS, self.frames), np.int16)
        struck = {hit.start: hit.hit for hit in self.hits}
        kit = self.kit or meaning.KITS[0]  # of a clock that ticks alone
        for slot in range(self.length):
            beat = slot // 4 % self.beats
            for frame in range(self.sixteenth):
                codes[0, slot * self.sixteenth + frame] = meaning.drum(kit, struck.get(slot, ""), beat, frame)
        for note in self.notes:
            first = note.start * self.sixteenth
            for frame in range(min(note.length * self.sixteenth, self.frames - first)):
                codes[_ROW[note.part], first + frame] = self._code(note, frame)
        return codes

    def _code(self, note: Note, frame: int) -> int:
        if note.part == "bass":
            return meaning.bass(self.bass, note.pitch, frame)
        if note.part == "harmony":
            return meaning.chord(self.harmony, note.pitch, note.quality, frame)
        return meaning.lead(self.lead, note.pitch, frame)


_ROW: dict[Part, int] = {"bass": 1, "harmony": 2, "lead": 3}
