"""What happens to music on its way, on purpose or not."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.watermark.material import RATE, at_rate
from muscgen import backends
from muscgen.audio import Audio
from muscgen.backends.base import Backend
from muscgen.finishing.encode import decode, encode
from muscgen.models.registry import Registry
from muscgen.request import Format

Change = Callable[[Audio], Audio]


@dataclass(frozen=True, slots=True)
class Attack:
    """usual: it is among those of which 99 of 100 must be survived."""

    name: str
    change: Change
    usual: bool = True


def attacks(speech: Audio | None) -> list[Attack]:
    """All that this machine has the tools for."""
    found = [
        Attack("nothing", lambda song: song),
        Attack("mp3 128 kbit/s", _through("mp3", 128)),
        Attack("mp3 96 kbit/s", _through("mp3", 96)),
        Attack("mp3 64 kbit/s", _through("mp3", 64)),
        Attack("mp3 64 kbit/s at 24 kHz", _through("mp3", 64, 24_000)),
        Attack("opus 96 kbit/s", _through("opus", 96, 48_000)),
        Attack("opus 64 kbit/s", _through("opus", 64, 48_000)),
        Attack("to 16 kHz and back", lambda song: at_rate(at_rate(song, 16_000), RATE)),
        Attack("20 dB quieter", lambda song: Audio(song.samples * np.float32(0.1), RATE)),
        Attack("equaliser, +6 to -6 dB", _tilted),
        Attack("equaliser, ten bands by up to 9 dB", _ten_bands),
        Attack("compression 4:1 from -30 dB", _compressed),
        Attack("distortion (tanh)", lambda song: Audio(np.tanh(3 * song.samples), RATE)),
        Attack("one channel of both", lambda song: Audio(song.samples.mean(axis=0, keepdims=True), RATE)),
        Attack("white noise at 30 dB", _noise(30)),
        Attack("white noise at 20 dB", _noise(20), usual=False),
        Attack("1 % faster", _faster(1.01), usual=False),
        Attack("1 % slower", _faster(0.99), usual=False),
        Attack("2.5 % slower", _faster(0.975), usual=False),
        Attack("5 % faster", _faster(1.05), usual=False),
        Attack("5 % slower", _faster(0.95), usual=False),
        Attack("8 % faster", _faster(1.08), usual=False),
        Attack("1 % faster and mp3 96 kbit/s", _then(_faster(1.01), _through("mp3", 96)), usual=False),
        Attack("8 kHz and back, as on a telephone", _band_of(8_000), usual=False),
        Attack("reverberation, half of it", _reverberated, usual=False),
        Attack("EnCodec of muscgen-tiny, 2.2 kbit/s", _neurally_coded, usual=False),
    ]
    if speech is not None:
        found.append(Attack("speech over it at 0 dB", _talked_over(speech), usual=False))
    if shutil.which("ffmpeg"):
        found += [
            Attack("aac 128 kbit/s (ffmpeg)", _ffmpeg("aac", "128k")),
            Attack("aac 96 kbit/s (ffmpeg)", _ffmpeg("aac", "96k")),
            Attack("aac 64 kbit/s (ffmpeg)", _ffmpeg("aac", "64k"), usual=False),
        ]
    if shutil.which("rubberband"):
        found += [
            Attack("5 % faster at its pitch (Rubber Band)", _rubberband("-T1.05"), usual=False),
            Attack("5 % slower at its pitch (Rubber Band)", _rubberband("-T0.95"), usual=False),
            Attack("half a tone higher (Rubber Band)", _rubberband("-p0.5"), usual=False),
        ]
    return found


def _through(encoding: Format, kbps: int, rate: int = RATE) -> Change:
    return lambda song: at_rate(decode(encode(at_rate(song, rate), encoding, kbps)), RATE)


def _then(first: Change, second: Change) -> Change:
    return lambda song: second(first(song))


def _band_of(rate: int) -> Change:
    return lambda song: at_rate(at_rate(song, rate), RATE)


def _noise(snr_db: float) -> Change:
    def change(song: Audio) -> Audio:
        level = np.sqrt(np.mean(song.samples**2)) * 10 ** (-snr_db / 20)
        noise = np.random.default_rng(1).standard_normal(song.samples.shape, np.float32)
        return Audio((song.samples + level * noise).astype(np.float32), RATE)

    return change


def _faster(factor: float) -> Change:
    def change(song: Audio) -> Audio:
        at = round(RATE / factor)  # the true factor is RATE / at, within a ten-thousandth
        return Audio(at_rate(song, at).samples, RATE)

    return change


def _talked_over(speech: Audio) -> Change:
    def change(song: Audio) -> Audio:
        talk = np.resize(speech.samples[0], song.samples.shape[1])
        level = np.sqrt(np.mean(song.samples**2) / np.mean(talk**2))
        return Audio((song.samples + level * talk).astype(np.float32), RATE)

    return change


def _tilted(song: Audio) -> Audio:
    """6 dB up at the low end, 6 dB down at the high one."""
    spectrum = np.fft.rfft(song.samples)
    gain = np.linspace(2.0, 0.5, spectrum.shape[1])
    return Audio(np.fft.irfft(spectrum * gain, song.samples.shape[1]).astype(np.float32), RATE)


def _ten_bands(song: Audio) -> Audio:
    """By turns 9 dB up and down, an octave each from 31 Hz on, with slopes between."""
    spectrum = np.fft.rfft(song.samples)
    hz = np.maximum(np.fft.rfftfreq(song.samples.shape[1], 1 / RATE), 20)
    gain_db = 9 * np.cos(np.pi * np.log2(hz / 31.25))
    changed = np.fft.irfft(spectrum * 10 ** (gain_db / 20), song.samples.shape[1])
    return Audio(changed.astype(np.float32), RATE)


def _compressed(song: Audio) -> Audio:
    """A compressor of 10 ms attack and release, and its loss given back."""
    width = RATE // 100
    power = np.mean(song.samples**2, axis=0)
    envelope_db = 10 * np.log10(np.convolve(power, np.ones(width) / width, "same") + 1e-9)
    gain_db = -0.75 * np.maximum(envelope_db + 30, 0)
    return Audio((song.samples * 10 ** ((gain_db + 10) / 20)).astype(np.float32), RATE)


def _reverberated(song: Audio) -> Audio:
    """As much of a room that rings for a second as of the sound itself."""
    age = np.arange(RATE) / RATE
    room = np.random.default_rng(3).standard_normal(RATE) * 10 ** (-3 * age)
    room /= np.sqrt((room**2).sum())
    size = song.samples.shape[1]
    wet = np.fft.irfft(np.fft.rfft(song.samples, size + RATE) * np.fft.rfft(room, size + RATE))[:, :size]
    return Audio((song.samples + wet).astype(np.float32) * np.float32(0.7), RATE)


def _ffmpeg(codec: str, bitrate: str) -> Change:
    def change(song: Audio) -> Audio:
        with tempfile.TemporaryDirectory() as folder:
            plain, packed = Path(folder) / "a.wav", Path(folder) / "a.m4a"
            _write(plain, song)
            quiet = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
            subprocess.run([*quiet, "-i", plain, "-c:a", codec, "-b:a", bitrate, packed], check=True)
            done = subprocess.run([*quiet, "-i", packed, "-f", "wav", "-"], check=True, capture_output=True)
        return _read(io.BytesIO(done.stdout))

    return change


def _rubberband(*options: str) -> Change:
    def change(song: Audio) -> Audio:
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "a.wav", Path(folder) / "b.wav"
            _write(before, song)
            subprocess.run(["rubberband", "-q", *options, before, after], check=True, capture_output=True)
            return _read(after)

    return change


def _neurally_coded(song: Audio) -> Audio:
    """As one channel, by the codec of the model that comes with muscgen."""
    codec = _codec()
    heard = codec.open_codec().push(codec.encode_audio(song.samples.mean(axis=0, keepdims=True)), last=True)
    return Audio(np.asarray(heard, np.float32).reshape(1, -1), RATE)


@lru_cache(1)
def _codec() -> Backend:
    home = Path(tempfile.mkdtemp())
    card = Registry(home / "models").get("muscgen-tiny")
    choice = backends.choose("onnx", "cpu", "fp32", "auto")
    return backends.load(card.path, choice, rows=1, threads=1, cache_dir=home)


def _write(path: Path, song: Audio) -> None:
    soundfile.write(path, song.samples.T, song.sample_rate, "FLOAT")


def _read(source: Path | io.BytesIO) -> Audio:
    samples, rate = soundfile.read(source, dtype="float32", always_2d=True)
    return at_rate(Audio(np.ascontiguousarray(samples.T), rate), RATE)
