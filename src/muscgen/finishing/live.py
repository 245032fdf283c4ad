"""Sound for those who listen while it is made: made safe, and encoded piece by piece.

A file is levelled over the whole song, and this sound leaves before the whole is known. So it keeps the level
that the model gave it, and only its peaks are bent. What is done to a sample depends on that sample alone:
equal sound gives equal bytes, however it is cut.
"""

from __future__ import annotations

import struct
from typing import Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.finishing.encode import CONTAINERS, level_of
from muscgen.request import Format

KNEE = 0.8  # -1.9 dB: below it nothing changes
CEILING = 0.98  # -0.2 dB, which no sample passes
OPUS_RATE_HZ = 48_000  # the only one that is common to all of its players
OPUS_PAGE_MS = 200.0  # costs 1 % more bytes
_SET_OGG_PAGE_LATENCY_MS = 0x1303  # of sndfile.h
_BLOCK = 1 << 14  # as in encode.py
_WAV_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_UNKNOWN = 0xFFFFFFFF  # the size of what has no end yet
_FLAC_LENGTH_AT = 18  # with the rate, the channels and the bits before it


def pcm16(audio: Audio) -> bytes:
    """int16 little-endian [T, C], peaks bent as tape bends them; what is not a number is silence."""
    samples = np.nan_to_num(audio.samples, posinf=1.0, neginf=-1.0)
    over = np.maximum(np.abs(samples) - KNEE, 0)
    bent = KNEE + (CEILING - KNEE) * np.tanh(over / (CEILING - KNEE))
    safe = np.where(over > 0, np.copysign(bent, samples), samples)
    return bytes(np.rint(safe.T * 32767).astype("<i2"))


class LiveEncoder(Protocol):
    """Sound in, as it comes; bytes out, as they are ready."""

    def push(self, pcm: bytes) -> bytes:
        """pcm: int16 little-endian [T, C]. The bytes may be of earlier sound, or none."""

    def close(self) -> bytes:
        """The bytes that are left. Nothing may be pushed after it; calling it again gives nothing."""


def live_encoder(
    encoding: Format,
    sample_rate: int,
    channels: int,
    samples: int | None = None,
    *,
    rate_hz: int | None = None,
    bitrate_kbps: int | None = None,
) -> LiveEncoder:
    """A stream of this format.

    samples: how many a channel there will be, for the headers of wav and flac; None is not known. rate_hz:
    of the stream, where it is another than the sound's; opus has its own. bitrate_kbps: of mp3 and opus.
    """
    rate_hz = OPUS_RATE_HZ if encoding == "opus" else rate_hz or sample_rate
    resampler = None
    if rate_hz != sample_rate:
        resampler = soxr.ResampleStream(sample_rate, rate_hz, channels, "int16", "HQ")
        samples = samples and round(samples * rate_hz / sample_rate)
    encoder: LiveEncoder
    if encoding == "wav":
        encoder = _Wav(rate_hz, channels, samples)
    else:
        encoder = _Compressed(encoding, rate_hz, channels, samples, bitrate_kbps)
    return encoder if resampler is None else _Resampled(encoder, resampler, channels)


class _Resampled:
    """At another rate than it comes in."""

    def __init__(self, encoder: LiveEncoder, resampler: soxr.ResampleStream, channels: int) -> None:
        self._encoder, self._resampler, self._channels = encoder, resampler, channels
        self._closed = False

    def push(self, pcm: bytes) -> bytes:
        return self._encoder.push(self._resampled(np.frombuffer(pcm, "<i2"), last=False))

    def close(self) -> bytes:
        if self._closed:
            return b""
        self._closed = True
        left = self._encoder.push(self._resampled(np.zeros(0, np.int16), last=True))
        return left + self._encoder.close()

    def _resampled(self, samples: NDArray[np.int16], *, last: bool) -> bytes:
        found = self._resampler.resample_chunk(samples.reshape(-1, self._channels), last=last)
        return np.ascontiguousarray(found, "<i2").tobytes()


class _Wav:
    def __init__(self, sample_rate: int, channels: int, samples: int | None) -> None:
        width = 2 * channels
        size = _UNKNOWN if samples is None else samples * width
        whole = min(_UNKNOWN, size + _WAV_HEAD.size - 8)
        fields = (b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, channels, sample_rate, sample_rate * width)
        self._head = _WAV_HEAD.pack(*fields, width, 16, b"data", size)

    def push(self, pcm: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + pcm

    def close(self) -> bytes:
        return self.push(b"")


class _Compressed:
    """libsndfile, which writes to a `_Tape`."""

    def __init__(
        self,
        encoding: Format,
        sample_rate: int,
        channels: int,
        samples: int | None,
        bitrate_kbps: int | None = None,
    ) -> None:
        container = CONTAINERS[encoding]
        self._length = samples if encoding == "flac" else None  # until it is in the header
        self._integers = encoding == "flac"
        self._channels = channels
        self._tape = _Tape()
        self._file = soundfile.SoundFile(
            self._tape,
            "w",
            sample_rate,
            channels,
            "PCM_16" if encoding == "flac" else container.subtype,
            format=container.format,
            compression_level=level_of(encoding, sample_rate, channels, bitrate_kbps),
            bitrate_mode="CONSTANT" if encoding == "mp3" else None,
        )
        if encoding == "opus":
            _set_page_latency(self._file)

    def push(self, pcm: bytes) -> bytes:
        self._write(np.frombuffer(pcm, "<i2").reshape(-1, self._channels))
        return self._taken()

    def close(self) -> bytes:
        if self._file.closed:
            return b""
        self._file.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._tape.take()
        if taken and self._length is not None:
            taken, self._length = _with_length(taken, self._length), None
        return taken

    def _write(self, samples: NDArray[np.int16]) -> None:
        for start in range(0, len(samples), _BLOCK):
            block = np.ascontiguousarray(samples[start : start + _BLOCK])
            # libsndfile 1.2.2 garbles integers in stereo on their way to mp3.
            self._file.write(block if self._integers else block.astype(np.float32) / 32768)


def _set_page_latency(file: soundfile.SoundFile) -> None:
    """Pages of OPUS_PAGE_MS instead of a second, so that a listener is not behind by as much."""
    wanted = soundfile._ffi.new("double*", OPUS_PAGE_MS)  # noqa: SLF001  soundfile has no door to it
    soundfile._snd.sf_command(file._file, _SET_OGG_PAGE_LATENCY_MS, wanted, 8)  # noqa: SLF001


def _with_length(head: bytes, samples: int) -> bytes:
    """The first bytes of a FLAC stream, with the 36 bits of STREAMINFO that count its samples (RFC 9639)."""
    (fields,) = struct.unpack_from(">Q", head, _FLAC_LENGTH_AT)
    known = struct.pack(">Q", fields >> 36 << 36 | samples)
    return head[:_FLAC_LENGTH_AT] + known + head[_FLAC_LENGTH_AT + len(known) :]


class _Tape:
    """A file that is sent off as it grows: what was sent cannot be written anew, so headers stay as begun."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._sent = 0  # bytes before `_kept`
        self._position = 0

    def take(self) -> bytes:
        taken, self._kept = bytes(self._kept), bytearray()
        self._sent += len(taken)
        return taken

    def write(self, content: bytes) -> int:
        content = bytes(content)
        at = self._position - self._sent
        self._position += len(content)
        if (late := content[max(0, -at) :]) and at + len(content) > 0:
            at = max(0, at)
            self._kept[at : at + len(late)] = late
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        begin = (0, self._position, self._sent + len(self._kept))[whence]
        self._position = begin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, _: int = -1) -> bytes:
        """libsndfile asks for it, and never calls it while it writes."""
        return b""

    def flush(self) -> None:
        """Nothing is held back."""
