"""A score as MIDI, and its sound: FluidSynth (LGPL, a process of its own) plays a SoundFont.

Ticks are frames in tenths: what a code says and what is heard begin together.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tinysong import meaning
from tinysong.score import Score

_TICKS = 10  # a frame
_PROGRAMS = {
    "piano": 0, "electric piano": 4, "music box": 10, "vibraphone": 11, "marimba": 12, "organ": 19,
    "acoustic guitar": 24, "electric guitar": 29, "upright bass": 32, "electric bass": 33, "synth bass": 38,
    "sub bass": 39, "violin": 40, "cello": 42, "harp": 46, "strings": 48, "choir": 52, "trumpet": 56,
    "brass": 61, "saxophone": 65, "clarinet": 71, "flute": 73, "square lead": 80, "synth lead": 81,
    "synth pad": 89,
}  # fmt: skip
_KITS = {"rock": 0, "electronic": 25, "brush": 40, "lofi": 8, "percussion": 48}
_STROKES = {"K": (36,), "S": (38,), "H": (42,), "KH": (36, 42), "SH": (38, 42), "X": (49, 36), "P": (45,)}
_CHANNELS = {"bass": 0, "harmony": 1, "lead": 2}
_DRUMS = 9
_GAIN = "0.5"


def program() -> str | None:
    return shutil.which("fluidsynth")


def sound(score: Score, soundfont: Path) -> NDArray[np.float32]:
    """Samples [T] at 32 kHz, mono, exactly as long as the codes. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        song, played = Path(folder) / "song.mid", Path(folder) / "song.wav"
        song.write_bytes(midi(score))
        how = ("-q", "-ni", "-g", _GAIN, "-r", str(meaning.RATE_HZ), "-F", played)
        subprocess.run(["fluidsynth", *how, soundfont, song], check=True, capture_output=True)
        samples, _ = soundfile.read(played, dtype="float32", always_2d=True)
    wanted = score.frames * meaning.HOP
    heard = samples.mean(axis=1)[:wanted]
    return np.pad(heard, (0, wanted - len(heard)))


def midi(score: Score) -> bytes:
    """A file of one track, 500 ticks a second."""
    tempo = b"\xff\x51\x03" + (1_000_000).to_bytes(3)
    body, last = b"\0" + tempo, 0
    for tick, _, message in sorted(_messages(score)):
        body += _number(tick - last) + message
        last = tick
    body += b"\0\xff\x2f\0"
    ticks = _TICKS * meaning.FRAMES_S
    return struct.pack(">4sIHHH", b"MThd", 6, 0, 1, ticks) + struct.pack(">4sI", b"MTrk", len(body)) + body


def _messages(score: Score) -> Iterator[tuple[int, int, bytes]]:
    """When, in which order at one time (programs, ends, beginnings), and what."""
    for part, name in (("bass", score.bass), ("harmony", score.harmony), ("lead", score.lead)):
        if name:
            yield 0, 0, bytes([0xC0 | _CHANNELS[part], _PROGRAMS[name]])
    if score.kit:
        yield 0, 0, bytes([0xC0 | _DRUMS, _KITS[score.kit]])
    ticks = (score.starts() * _TICKS).tolist()
    for note in score.notes:
        channel = _CHANNELS[note.part]
        for pitch in score.pitches(note):
            yield ticks[note.start], 2, bytes([0x90 | channel, pitch, note.velocity])
            yield ticks[note.start + note.length], 1, bytes([0x80 | channel, pitch, 0])
    for hit in score.hits:
        for pitch in _STROKES[hit.hit]:
            yield ticks[hit.start], 2, bytes([0x90 | _DRUMS, pitch, hit.velocity])
            yield ticks[hit.start + 1], 1, bytes([0x80 | _DRUMS, pitch, 0])


def _number(value: int) -> bytes:
    """A quantity of MIDI, seven bits a byte."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
