"""Twenty short pieces for General MIDI, composed here: whoever has the sound font has the same music.

Each piece is chords, a bass, a tune and perhaps drums, drawn from its number. Some are thin on purpose: a
piano that rests, one flute, a music box. There a watermark has little to hide in.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SECONDS = 32.0
TICKS = 480  # a beat
DRUMS = 9  # the channel of General MIDI's drums
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_ROOTS = ((0, 5, 3, 4), (0, 4, 5, 3), (5, 3, 0, 4), (0, 3, 0, 4), (1, 4, 0, 5))


@dataclass(frozen=True, slots=True)
class Piece:
    """General MIDI programs (from 0) of its parts, or None. drums: hits a beat. rest: share of silence."""

    name: str
    bpm: int
    chords: int | None
    bass: int | None
    tune: int | None
    drums: int = 0
    rest: float = 0.2
    minor: bool = False


PIECES = (
    Piece("piano", 84, 0, None, 0, rest=0.3),
    Piece("piano-alone", 56, None, None, 0, rest=0.6, minor=True),
    Piece("rock", 128, 30, 33, 29, drums=2),
    Piece("funk", 104, 7, 36, 62, drums=4),
    Piece("jazz", 140, 26, 32, 66, drums=3, minor=True),
    Piece("strings", 70, 48, 43, 40, rest=0.1),
    Piece("choir", 60, 52, None, 53, rest=0.4),
    Piece("organ", 90, 19, 19, 19, rest=0.1, minor=True),
    Piece("house", 124, 90, 38, 81, drums=4),
    Piece("ambient", 50, 89, None, 88, rest=0.5),
    Piece("flute-alone", 80, None, None, 73, rest=0.3),
    Piece("guitar", 96, 24, None, 24, rest=0.2),
    Piece("brass", 112, 61, 58, 56, drums=2),
    Piece("music-box", 92, None, None, 10, rest=0.4),
    Piece("harp-and-flute", 76, 46, None, 73),
    Piece("metal", 160, 30, 34, 30, drums=4, minor=True),
    Piece("drums-alone", 118, None, None, None, drums=4),
    Piece("marimba", 120, 12, 32, 13, drums=1),
    Piece("accordion", 132, 21, 32, 21, drums=2),
    Piece("synth", 138, 50, 39, 80, drums=4, minor=True),
)

Note = tuple[float, float, int, int, int]  # beat, length in beats, channel, pitch, velocity


def render(folder: Path, sound_font: Path = SOUND_FONT) -> list[Path]:
    """The pieces as FLAC files in the folder, by the fluidsynth command; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, piece in enumerate(PIECES):
        target = folder / f"{number:02}-{piece.name}.flac"
        files.append(target)
        if target.exists():
            continue
        score = target.with_suffix(".mid")
        score.write_bytes(midi(piece, number))
        command = ["fluidsynth", "-ni", "-g", "0.6", "-r", "44100", "-T", "flac", "-F", str(target)]
        subprocess.run([*command, str(sound_font), str(score)], check=True, capture_output=True)
    return files


def midi(piece: Piece, number: int) -> bytes:
    """A standard MIDI file of format 0."""
    dice = np.random.default_rng(number)
    notes = sorted(_notes(piece, dice))
    programs = {0: piece.chords, 1: piece.bass, 2: piece.tune}
    events = [
        (0, bytes((0xC0 | channel, program))) for channel, program in programs.items() if program is not None
    ]
    for beat, length, channel, pitch, velocity in notes:
        events.append((round(beat * TICKS), bytes((0x90 | channel, pitch, velocity))))
        events.append((round((beat + length) * TICKS), bytes((0x80 | channel, pitch, 0))))
    tempo = b"\0\xff\x51\x03" + round(60e6 / piece.bpm).to_bytes(3)
    track, now = bytearray(tempo), 0
    for tick, event in sorted(events, key=lambda event: (event[0], event[1][0] & 0xF0 != 0x80)):
        track += _varied(tick - now) + event
        now = tick
    track += b"\0\xff\x2f\0"
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, TICKS, b"MTrk", len(track)) + bytes(track)


def _notes(piece: Piece, dice: np.random.Generator) -> Iterator[Note]:
    scale = _MINOR if piece.minor else _MAJOR
    root, progression = 48 + int(dice.integers(0, 10)), _ROOTS[int(dice.integers(len(_ROOTS)))]
    beats = int(SECONDS * piece.bpm / 60)

    def pitch(step: int, octave: int = 0) -> int:
        return min(108, root + 12 * (octave + step // 7) + scale[step % 7])

    for bar in range(0, beats, 4):
        degree = progression[bar // 4 % 4]
        yield from _bar(piece, dice, bar, degree, pitch)
    if piece.drums:
        yield from _drums(piece, dice, beats)


def _bar(
    piece: Piece, dice: np.random.Generator, bar: int, degree: int, pitch: Callable[..., int]
) -> Iterator[Note]:
    if piece.chords is not None:
        length = float(dice.choice([1, 2, 4]))
        for at in np.arange(0, 4, length):
            for tone in (0, 2, 4):
                yield bar + at, 0.95 * length, 0, pitch(degree + tone), int(dice.integers(60, 90))
    if piece.bass is not None:
        for at in range(0, 4, 1 if piece.drums else 2):
            low = pitch(degree + int(dice.choice([0, 0, 4])), -1)
            yield bar + at, 0.9, 1, low, int(dice.integers(80, 105))
    if piece.tune is not None:
        yield from _tune(piece.rest, dice, bar, degree, pitch)


def _tune(
    rest: float, dice: np.random.Generator, bar: int, degree: int, pitch: Callable[..., int]
) -> Iterator[Note]:
    at = 0.0
    while at < 4:
        length = float(dice.choice([0.5, 0.5, 1, 1.5]))
        if dice.random() > rest:
            step = degree + int(dice.integers(0, 8))
            yield bar + at, 0.9 * length, 2, pitch(step, 1), int(dice.integers(70, 110))
        at += length


def _drums(piece: Piece, dice: np.random.Generator, beats: int) -> Iterator[Note]:
    for beat in range(beats):
        yield beat, 0.1, DRUMS, 36 if beat % 2 == 0 else 38, 105
        for part in range(piece.drums):
            if dice.random() < 0.9:
                yield beat + part / piece.drums, 0.1, DRUMS, 42, int(dice.integers(50, 90))
        if dice.random() < 0.1:
            yield beat + 0.5, 0.1, DRUMS, int(dice.choice([45, 47, 49])), 90


def _varied(number: int) -> bytes:
    """MIDI's numbers of variable length."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
