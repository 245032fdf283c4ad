"""A score played by sines and noise, the same samples on every machine: a reference that needs no SoundFont.

It is no music to learn from. Float64 rounded to 16 bits: last digits of a sine do not show.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tinysong import meaning
from tinysong.composer import compose
from tinysong.score import Note, Score

PROMPTS = Path(__file__).parents[1] / "baseline" / "prompts.jsonl"
TRACKS, SECONDS = 48, 10.0
_FIRST_SEED = 4_000_000
_PARTIALS = 6
_LEVEL = 0.05  # of a note at full velocity
_DECAY_S = {"K": 0.12, "S": 0.1, "H": 0.03, "KH": 0.12, "SH": 0.1, "X": 0.3, "P": 0.08}
_KICK_HZ = 55.0


def played(score: Score) -> NDArray[np.int16]:
    """Samples [T] at 32 kHz, as long as the codes."""
    starts = (score.starts() * meaning.HOP).tolist()
    sound = np.zeros(score.frames * meaning.HOP)
    for note in score.notes:
        first, end = starts[note.start], starts[note.start + note.length]
        for pitch in score.pitches(note):
            _add(sound, first, _tone(score, note, pitch, end - first))
    for hit in score.hits:
        _add(sound, starts[hit.start], _stroke(hit.hit, hit.velocity))
    return np.rint(np.clip(sound, -1, 1) * 32_767).astype(np.int16)


def write(folder: Path, tracks: int = TRACKS) -> None:
    """The reference, as far as it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(tracks):
        path = folder / f"{n:02d}.wav"
        if not path.is_file():
            part = path.with_suffix(".part")
            samples = played(compose(_FIRST_SEED + n, SECONDS))
            soundfile.write(part, samples, meaning.RATE_HZ, format="WAV", subtype="PCM_16")
            part.replace(path)


def _tone(score: Score, note: Note, pitch: int, samples: int) -> NDArray[np.float64]:
    """Its partials are weighted by the instrument's name, and fall as a string's do."""
    name = {"bass": score.bass, "harmony": score.harmony, "lead": score.lead}[note.part]
    chances = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    weights = chances.random(_PARTIALS) / np.arange(1, _PARTIALS + 1)
    time = np.arange(samples) / meaning.RATE_HZ
    hz = 440 * 2 ** ((pitch - 69) / 12)
    tone = sum(w * np.sin(2 * np.pi * hz * (n + 1) * time) for n, w in enumerate(weights))
    shape = np.minimum(1, time / 0.01) * np.exp(-1.5 * time) * np.minimum(1, (time[-1] - time) / 0.01 + 1e-9)
    return np.asarray(_LEVEL * note.velocity / 127 / weights.sum() * tone * shape)


def _stroke(hit: str, velocity: int) -> NDArray[np.float64]:
    """Noise, under a falling low tone where the kick is struck."""
    decay_s = _DECAY_S[hit]
    time = np.arange(round(4 * decay_s * meaning.RATE_HZ)) / meaning.RATE_HZ
    chances = np.random.Generator(np.random.PCG64(zlib.crc32(hit.encode())))
    noise = chances.random(len(time)) * 2 - 1
    low = np.sin(2 * np.pi * _KICK_HZ * time) if "K" in hit else 0.0
    return np.asarray(velocity / 127 * np.exp(-time / decay_s) * (0.08 * noise + 0.4 * low))


def _add(sound: NDArray[np.float64], start: int, part: NDArray[np.float64]) -> None:
    room = sound[start : start + len(part)]
    room += part[: len(room)]
