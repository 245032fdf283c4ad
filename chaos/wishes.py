"""What is asked for, and what it sounds like when nobody disturbs it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

import soundfile

PROMPTS = ("warm lo-fi piano", "upbeat funk with slap bass", "slow strings", "drums alone")
SECONDS = (0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 6.0, 8.0)
FORMATS = ("wav", "wav", "flac", "mp3")
MODEL = "muscgen-tiny"


@dataclass(frozen=True)
class Wish:
    """A song that is asked for again and again; by its body all who ask are equal."""

    number: int
    body: dict[str, Any]

    @property
    def streamed(self) -> bool:
        """Whether its live sound can be compared: one output, and a file that is wav too."""
        return self.body.get("n", 1) == 1 and self.body["output"]["format"] == "wav"


@dataclass
class Sound:
    """Digests of a wish's decoded sound: of each output's file, and as it is heard live."""

    files: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # audio_sha256, as the job tells it
    live: str = ""


def wishes() -> list[Wish]:
    """The same every time."""
    found = []
    for number, seconds in enumerate(SECONDS):
        body = {
            "model": MODEL,
            "prompt": PROMPTS[number % len(PROMPTS)],
            "duration": seconds,
            "seed": 100 + number,
            "output": {"format": FORMATS[number % len(FORMATS)]},
        }
        found.append(Wish(number, body | ({"n": 2} if number == 3 else {})))
    return found


def digest(content: bytes) -> str:
    """Of the samples that a player would play, in 16 bits."""
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    return hashlib.sha256(f"{rate} {samples.shape[1]} ".encode() + samples.tobytes()).hexdigest()[:16]
