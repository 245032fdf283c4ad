"""What files can be made: rates, bit rates, fades."""

from __future__ import annotations

from muscgen.errors import InvalidRequest
from muscgen.request.parts import Format, Output

# What the encoders can do, measured with libsndfile 1.2.2 for tones and noise at every rate and width.
# MP3 below 64 kbit/s has no room for the header that tells players the exact length; 8 and 12 kHz have.
_MP3_KBPS_LOW = (32, 40, 48, 56, 64)  # below 16 kHz
_MP3_KBPS_MIDDLE = (64, 80, 96, 112, 128, 144, 160)  # below 32 kHz
_MP3_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
_OPUS_MAX_KBPS = 256  # a channel
_VORBIS_MAX_KBPS = {8000: 36, 12000: 48, 16000: 68, 22050: 90, 24000: 96}  # a channel at the best quality
_VORBIS_MIN_KBPS = 32  # a channel at the worst quality, from 32 kHz


def file_rate_hz(output: Output, model_rate_hz: int) -> int:
    """The sample rate of the file: as asked, or the model's own, or 48 kHz where Opus does not know that."""
    if output.sample_rate_hz is not None:
        return output.sample_rate_hz
    return 48_000 if output.format == "opus" and model_rate_hz not in _OPUS_RATES_HZ else model_rate_hz


def refuse_impossible(output: Output, *, model_rate_hz: int, channels: int, duration_s: float) -> None:
    """Raise InvalidRequest, naming the parameter, for a file that cannot be made as it was asked for."""
    if output.sample_rate_hz and output.format == "opus" and output.sample_rate_hz not in _OPUS_RATES_HZ:
        raise InvalidRequest(
            f"opus cannot have {output.sample_rate_hz} Hz", param="output.sample_rate", suggestion="48000"
        )
    if output.bitrate_kbps is not None:
        _refuse_bitrate(output, output.bitrate_kbps, file_rate_hz(output, model_rate_hz), channels)
    for name, fade_s in (("fade_in", output.fade_in_s), ("fade_out", output.fade_out_s)):
        if fade_s > duration_s:
            raise InvalidRequest(
                f"{name} is {fade_s:g} s, longer than the song of {duration_s:g} s", param=f"output.{name}"
            )


def _refuse_bitrate(output: Output, kbps: int, rate_hz: int, channels: int) -> None:
    if output.format in ("wav", "flac"):
        raise InvalidRequest(
            f"{output.format} has no bitrate to choose",
            param="output.bitrate_kbps",
            suggestion="leave out",
        )
    if output.format == "mp3":
        allowed = _mp3_kbps(rate_hz)
        if kbps not in allowed:
            nearest = min(allowed, key=lambda rate: abs(rate - kbps))
            raise InvalidRequest(
                f"mp3 at {rate_hz} Hz has {', '.join(map(str, allowed))} kbit/s, not {kbps}",
                param="output.bitrate_kbps",
                suggestion=str(nearest),
            )
        return
    low, high = _variable_kbps(output.format, rate_hz, channels)
    if not low <= kbps <= high:
        raise InvalidRequest(
            f"{output.format} at {rate_hz} Hz and {channels} channels has {low} to {high} kbit/s, not {kbps}",
            param="output.bitrate_kbps",
            suggestion=str(min(max(kbps, low), high)),
        )


def _mp3_kbps(rate_hz: int) -> tuple[int, ...]:
    if rate_hz < 16_000:
        return _MP3_KBPS_LOW
    return _MP3_KBPS_MIDDLE if rate_hz < 32_000 else _MP3_KBPS


def _variable_kbps(encoding: Format, rate_hz: int, channels: int) -> tuple[int, int]:
    if encoding == "opus":
        return 32, _OPUS_MAX_KBPS * channels
    low = _VORBIS_MIN_KBPS * channels if rate_hz >= 32_000 else 32
    return low, _VORBIS_MAX_KBPS.get(rate_hz, 250) * channels
