"""Music to measure with: what anybody can have again, and what anybody brings."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.watermark import compose
from muscgen.audio import Audio

RATE, SONG_S = 32_000, 30.0  # what MusicGen makes
GENERATED = "immich-memories-music==0.1.0"  # 28 generated tracks (ACE-Step), on PyPI
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
_TEXT = (
    "Nobody expected the weather to change so quickly, yet by noon the harbour was full of ships. "
    "The quick brown fox jumps over the lazy dog, while seven wizards judge my vow of silence. "
)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Track:
    """group: generated, rendered or brought."""

    name: str
    group: str
    audio: Audio


def tracks(work: Path, folder: Path | None) -> list[Track]:
    """The first 30 s of each piece at 32 kHz: those of the folder, or the generated and the rendered ones."""
    if folder is not None:
        return [Track(path.stem, "brought", load(path)) for path in files(folder)]
    generated = [Track(path.stem, "generated", load(path)) for path in files(_generated(work / "generated"))]
    return generated + [Track(path.stem, "rendered", load(path)) for path in _rendered(work / "rendered")]


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]


def load(path: Path) -> Audio:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return at_rate(Audio(np.ascontiguousarray(samples[: round(SONG_S * rate)].T), rate), RATE)


def at_rate(audio: Audio, rate: int) -> Audio:
    if rate == audio.sample_rate:
        return audio
    samples = soxr.resample(audio.samples.T, audio.sample_rate, rate).reshape(-1, audio.channels)
    return Audio(np.ascontiguousarray(samples.T, np.float32), rate)


def excerpt(audio: Audio, seconds: float, dice: np.random.Generator) -> Audio:
    """From anywhere."""
    length = round(seconds * audio.sample_rate)
    start = int(dice.integers(0, max(1, audio.samples.shape[1] - length)))
    return Audio(np.ascontiguousarray(audio.samples[:, start : start + length]), audio.sample_rate)


def speech(work: Path) -> Audio | None:
    """Somebody talking, by espeak-ng; None where it is not installed."""
    if shutil.which("espeak-ng") is None:
        return None
    target = work / "speech.wav"
    if not target.exists():
        subprocess.run(["espeak-ng", "-w", str(target), "-s", "150", _TEXT * 4], check=True)
    return load(target)


def _generated(folder: Path) -> Path:
    """Through pip's ordinary client."""
    if not folder.exists():
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        subprocess.run([*command, GENERATED], check=True)
        for wheel in folder.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
    return folder


def _rendered(folder: Path) -> list[Path]:
    if shutil.which("fluidsynth") is None or not compose.SOUND_FONT.exists():
        print(f"without rendered tracks: they need fluidsynth and {compose.SOUND_FONT}", file=sys.stderr)
        return []
    return compose.render(folder)
