"""Samples to bytes and back, in the five formats.

wav is 16-bit PCM with TPDF dither: it plays everywhere, and its error is noise that never follows the music.
flac is 24-bit, for those who go on to edit. Equal samples give equal bytes.

libsndfile has one dial, `compression_level` from 0 to 1, and this file knows what it means to each encoder
(libsndfile 1.2.2: src/mpeg_l3_encode.c, src/ogg_opus.c, src/ogg_vorbis.c).
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.finishing import ogg
from muscgen.request import Format

_DITHER_KEY = 0x6D757363  # any constant: equal songs are equal files
_BLOCK = 1 << 14  # libvorbis keeps a whole write on the stack and dies of a long one
_VORBIS_LEVEL = 0.4  # its quality 6, about 192 kbit/s for music in stereo at 44.1 kHz
_VORBIS_SLOPE = 2.0  # from 500 to 64 kbit/s for stereo at 44.1 kHz
_VORBIS_TRIES = 6  # the bitrate follows the music, so it is sought
BITRATE_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Container:
    """How libsndfile and the web call a format."""

    format: str
    subtype: str
    content_type: str
    lossy: bool


CONTAINERS: Mapping[Format, Container] = {
    "wav": Container("WAV", "PCM_16", "audio/wav", False),
    "flac": Container("FLAC", "PCM_24", "audio/flac", False),
    "mp3": Container("MP3", "MPEG_LAYER_III", "audio/mpeg", True),
    "ogg": Container("OGG", "VORBIS", "audio/ogg", True),
    "opus": Container("OGG", "OPUS", "audio/ogg", True),
}


def encode(audio: Audio, encoding: Format, bitrate_kbps: int | None = None) -> bytes:
    """The file, without tags. Samples beyond full scale are cut off by formats of integers.

    bitrate_kbps: over all channels, one that `request.refuse_impossible` lets pass; None takes 192 kbit/s for
    mp3 (160 below 32 kHz, 64 below 16 kHz), 64 a channel for opus and quality 6 for ogg.
    """
    container = CONTAINERS[encoding]
    match encoding:
        case "wav":
            return _written(_dithered(audio), audio.sample_rate, container)
        case "flac":
            return _written(audio.samples.clip(-1, 1 - 2**-23), audio.sample_rate, container)
        case "ogg" if bitrate_kbps is not None:
            return _vorbis(audio, bitrate_kbps)
        case _:
            level = level_of(encoding, audio.sample_rate, audio.channels, bitrate_kbps)
            mode = "CONSTANT" if encoding == "mp3" else None
            return _written(audio.samples, audio.sample_rate, container, level, mode)


def level_of(
    encoding: Format, sample_rate: int, channels: int, bitrate_kbps: int | None = None
) -> float | None:
    """Where libsndfile's dial stands for a bitrate, which for ogg is the usual one; None has no dial."""
    match encoding:
        case "mp3":
            return _mp3_level(sample_rate, bitrate_kbps)
        case "opus":
            kbps = (bitrate_kbps or 64 * channels) / channels
            return 1 - (min(kbps, 256) - 6) / 250  # ogg_opus.c: each channel gets 6 kbit/s and up to 250 more
        case "ogg":
            return _VORBIS_LEVEL
        case _:
            return None


def decode(content: bytes) -> Audio:
    """What a player hears."""
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return Audio(np.ascontiguousarray(samples.T), rate)


def bitrate_kbps(content: bytes, encoding: Format, duration_s: float) -> float:
    """Measured, over all channels; an Ogg file's headers do not count."""
    size = ogg.audio_bytes(content) if CONTAINERS[encoding].format == "OGG" else len(content)
    return size * 8 / 1000 / duration_s


def _vorbis(audio: Audio, kbps: int) -> bytes:
    """The file nearest to the bitrate: Vorbis knows qualities only here, so one is sought by its outcome.

    The logarithm of the bitrate falls almost evenly along the dial: secants in a bracket take three passes.
    """
    low, high, level, slope = 0.0, 1.0, 0.5, _VORBIS_SLOPE
    tried: dict[float, tuple[float, bytes]] = {}  # level: error and file
    while len(tried) < _VORBIS_TRIES and level not in tried:
        content = _written(audio.samples, audio.sample_rate, CONTAINERS["ogg"], level)
        error = math.log(bitrate_kbps(content, "ogg", audio.duration_s) / kbps)
        if tried:
            last = next(reversed(tried))
            slope = max((error - tried[last][0]) / (last - level), _VORBIS_SLOPE / 10)
        tried[level] = error, content
        if abs(error) < BITRATE_TOLERANCE:
            break
        low, high = (level, high) if error > 0 else (low, level)
        level = _inside(level + error / slope, low, high)
    return min(tried.values(), key=lambda found: abs(found[0]))[1]


def _inside(level: float, low: float, high: float) -> float:
    """The level inside the bracket and away from its edges, or the dial's end where it points beyond."""
    if (level <= 0 and low == 0) or (level >= 1 and high == 1):
        return min(max(level, 0.0), 1.0)
    margin = (high - low) / 10
    return min(max(level, low + margin), high - margin)


def _mp3_level(sample_rate: int, kbps: int | None) -> float:
    """mpeg_l3_encode.c spreads the dial evenly over the bitrates of MPEG 1, 2 and 2.5."""
    if sample_rate >= 32_000:
        low, high, usual = 32, 320, 192
    elif sample_rate >= 16_000:
        low, high, usual = 8, 160, 160
    else:
        low, high, usual = 8, 64, 64
    return (high - (kbps or usual)) / (high - low)


def _dithered(audio: Audio) -> NDArray[np.int16]:
    """Rounded to 16 bits after adding triangular noise of 2 LSB width (Lipshitz et al., JAES 40, 1992)."""
    random = np.random.Generator(np.random.Philox(key=_DITHER_KEY))
    shape = audio.samples.shape
    noise = random.random(shape, np.float32) - random.random(shape, np.float32)  # nosec B311  dither
    return np.rint(audio.samples * 32768 + noise).clip(-32768, 32767).astype(np.int16)


def _written(
    samples: NDArray[np.float32] | NDArray[np.int16],
    rate: int,
    container: Container,
    level: float | None = None,
    mode: str | None = None,
) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        rate,
        samples.shape[0],
        container.subtype,
        format=container.format,
        compression_level=level,
        bitrate_mode=mode,
    ) as sound:
        for start in range(0, samples.shape[1], _BLOCK):
            sound.write(np.ascontiguousarray(samples[:, start : start + _BLOCK].T))
    return file.getvalue()
