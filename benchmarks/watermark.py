"""How well the watermark survives, how seldom it is found where it is not, and how well it hides.

python -m benchmarks.watermark FOLDER [--excerpts 4] [--report FILE]

FOLDER holds music: any files that libsndfile reads, looked for in all folders below. Each is marked, put
through what happens to music, and searched in excerpts of ten seconds from anywhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks import machine
from muscgen.audio import Audio
from muscgen.finishing.encode import decode, encode
from muscgen.provenance.watermark import Payload, detect, embed
from muscgen.provenance.watermark.detect import THRESHOLD, levels_of, likeness, likeness_in
from muscgen.request import Format

RATE, SONG_S, EXCERPT_S = 32_000, 30.0, 10.0
SECRET, PAYLOAD = b"a key for measuring", Payload(4_711, 1, 123_456)
WRONG_KEYS = 40
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
Floats = NDArray[np.float32]
Attack = Callable[[Audio], Audio]


def main() -> None:
    asked = _arguments()
    songs = [_load(path) for path in _tracks(asked.folder)]
    dice = np.random.default_rng(0)
    marked, embed_s = [], 0.0
    for song in songs:
        started = time.perf_counter()
        marked.append(embed(song, SECRET, PAYLOAD))
        embed_s += time.perf_counter() - started
    music_s = sum(song.duration_s for song in songs)
    rows = [_row(name, attack, marked, asked.excerpts, dice) for name, attack in ATTACKS.items()]
    rows.append(_row("5 s excerpts", lambda song: song, marked, asked.excerpts, dice, 5.0))
    alarms, highest, pairs, detect_x = _false_alarms(songs, dice)
    ratios = [noise_to_mask_db(song, other) for song, other in zip(songs, marked, strict=True)]
    snr = [_snr_db(song, other) for song, other in zip(songs, marked, strict=True)]
    here = machine.describe()
    lines = [
        f"Commit {here['commit']}, {len(songs)} tracks of up to {SONG_S:g} s, {here['cpu']}.",
        "",
        "| what happened to it | found | likeness, median | least |",
        "|---|---|---|---|",
        *rows,
        "",
        f"- False alarms: {alarms} in {pairs} pairs of an unmarked excerpt of {EXCERPT_S:g} s and a key.",
        f"- The highest likeness there is {highest:.2f}; the threshold is {THRESHOLD:g}.",
        f"- Noise-to-mask ratio: median {np.median(ratios):.1f} dB, highest {max(ratios):.1f} dB.",
        f"- Signal-to-noise ratio: median {np.median(snr):.1f} dB.",
        f"- Writing {music_s / embed_s:.0f} x, finding {detect_x:.0f} x faster than real time, on one core.",
    ]
    report = "\n".join(lines) + "\n"
    if asked.report:
        asked.report.write_text(report)
    print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watermark")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--excerpts", type=int, default=4, help="of each track")
    parser.add_argument("--report", type=Path)
    return parser.parse_args()


def _tracks(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES)


def _load(path: Path) -> Audio:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return _at(Audio(np.ascontiguousarray(samples[: round(SONG_S * rate)].T), rate), RATE)


def _at(audio: Audio, rate: int) -> Audio:
    if rate == audio.sample_rate:
        return audio
    samples = soxr.resample(audio.samples.T, audio.sample_rate, rate).reshape(-1, audio.channels)
    return Audio(np.ascontiguousarray(samples.T, np.float32), rate)


def _through(encoding: Format, kbps: int, rate: int = RATE) -> Attack:
    return lambda song: _at(decode(encode(_at(song, rate), encoding, kbps)), RATE)


def _noise(snr_db: float) -> Attack:
    def attack(song: Audio) -> Audio:
        level = np.sqrt(np.mean(song.samples**2)) * 10 ** (-snr_db / 20)
        noise = np.random.default_rng(1).standard_normal(song.samples.shape, np.float32)
        return Audio((song.samples + level * noise).astype(np.float32), RATE)

    return attack


def _faster(percent: float) -> Attack:
    def attack(song: Audio) -> Audio:
        samples = soxr.resample(song.samples.T, RATE, RATE / (1 + percent / 100)).reshape(-1, song.channels)
        return Audio(np.ascontiguousarray(samples.T, np.float32), RATE)

    return attack


def _tilted(song: Audio) -> Audio:
    """6 dB up at the low end, 6 dB down at the high one."""
    spectrum = np.fft.rfft(song.samples)
    gain = np.linspace(2.0, 0.5, spectrum.shape[1])
    return Audio(np.fft.irfft(spectrum * gain, song.samples.shape[1]).astype(np.float32), RATE)


ATTACKS: dict[str, Attack] = {
    "nothing": lambda song: song,
    "mp3 128 kbit/s": _through("mp3", 128),
    "mp3 96 kbit/s": _through("mp3", 96),
    "mp3 64 kbit/s at 24 kHz": _through("mp3", 64, 24_000),
    "opus 96 kbit/s": _through("opus", 96, 48_000),
    "opus 64 kbit/s": _through("opus", 64, 48_000),
    "to 16 kHz and back": lambda song: _at(_at(song, 16_000), RATE),
    "20 dB quieter": lambda song: Audio(song.samples * np.float32(0.1), RATE),
    "white noise at 30 dB": _noise(30),
    "white noise at 20 dB": _noise(20),
    "one channel": lambda song: Audio(song.samples.mean(axis=0, keepdims=True), RATE),
    "equaliser, +6 to -6 dB": _tilted,
    "compression (tanh)": lambda song: Audio(np.tanh(3 * song.samples), RATE),
    "1 % faster": _faster(1),
    "5 % faster": _faster(5),
}


def _row(
    name: str,
    attack: Attack,
    songs: list[Audio],
    excerpts: int,
    dice: np.random.Generator,
    seconds: float = EXCERPT_S,
) -> str:
    found, scores = 0, []
    for song in songs:
        attacked = attack(song)
        for part in _excerpts(attacked, excerpts, seconds, dice):
            heard = detect(part, {"": SECRET})
            found += heard is not None and heard.payload == PAYLOAD
            scores.append(heard.likeness if heard is not None else likeness(part, SECRET))
    share = f"{found} of {len(scores)}"
    return f"| {name} | {share} | {np.median(scores):.1f} | {min(scores):.1f} |"


def _excerpts(song: Audio, count: int, seconds: float, dice: np.random.Generator) -> Iterator[Audio]:
    length = round(seconds * song.sample_rate)
    for start in dice.integers(0, max(1, song.samples.shape[1] - length), count).tolist():
        yield Audio(np.ascontiguousarray(song.samples[:, start : start + length]), song.sample_rate)


def _false_alarms(songs: list[Audio], dice: np.random.Generator) -> tuple[int, float, int, float]:
    """Alarms, the highest likeness, pairs tried, and how fast an excerpt is searched with one key."""
    alarms, highest, pairs, took = 0, 0.0, 0, 0.0
    for song in songs:
        for part in _excerpts(song, 10, EXCERPT_S, dice):
            started = time.perf_counter()
            detect(part, {"0": b"wrong"})
            took += time.perf_counter() - started
            levels = levels_of(part)
            for number in range(WRONG_KEYS):
                secret = f"wrong {number}".encode()
                score = likeness_in(levels, secret)
                alarms += score >= THRESHOLD and detect(part, {"": secret}) is not None
                highest, pairs = max(highest, score), pairs + 1
    return alarms, highest, pairs, len(songs) * 10 * EXCERPT_S / took


def _snr_db(song: Audio, marked: Audio) -> float:
    noise = marked.samples - song.samples
    return float(10 * np.log10((song.samples**2).sum() / (noise**2).sum()))


def noise_to_mask_db(song: Audio, marked: Audio) -> float:
    """After ITU-R BS.1387's basic model, simplified: the mean over bands and frames, in dB.

    Frames of 64 ms, bands of a quarter Bark, a spread of -27 dB a Bark downwards, -10 dB upwards; masks are
    3 dB below the music, and from 12 Bark on a quarter of a decibel a Bark.
    """
    size = 2_048
    hz = np.fft.rfftfreq(size, 1 / RATE)
    bark = 7 * np.arcsinh(hz / 650)
    band = np.minimum((bark * 4).astype(int), int(bark[-1] * 4))
    count = int(band.max()) + 1
    centre = (np.arange(count) + 0.5) / 4
    away = centre[:, None] - centre[None]
    spread = 10 ** (np.where(away < 0, 27 * away, -10 * away) / 10)
    offset = 10 ** (-np.where(centre > 12, 0.25 * centre, 3.0) / 10)
    window = np.hanning(size).astype(np.float32)
    ratios = []
    for clean, noise in zip(song.samples, marked.samples - song.samples, strict=True):
        signal, error = (_band_powers(line, window, band, count) for line in (clean, noise))
        mask = signal @ spread.T * offset
        audible = signal.sum(axis=1) > 1e-7 * signal.sum(axis=1).max()
        ratios.append((error[audible] / (mask[audible] + 1e-12)).mean())
    return float(10 * np.log10(np.mean(ratios)))


def _band_powers(line: Floats, window: Floats, band: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(line, window.size)[:: window.size // 2]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    return np.stack([np.bincount(band, row, count) for row in power])


if __name__ == "__main__":
    main()
