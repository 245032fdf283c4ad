"""The way of a finished song: a list of steps."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.finishing import checks, encode, limiter, loudness, tags
from muscgen.finishing.analysis import Analysis, analyse
from muscgen.provenance.marks import ENOUGH_S, Mark
from muscgen.provenance.papers import Seal
from muscgen.provenance.sound import sound_digest
from muscgen.request import Output, file_rate_hz, refuse_impossible

LOUDNESS_TOLERANCE_LU = 0.5  # EBU R 128
_ENCODING_TRIES = 5  # lossy encoders add peaks; each pass removes what the last one added
_PEAK_TOLERANCE_DB = 0.01
_LOUDNESS_TRIES = 4  # limiting costs loudness; each pass gives back what the last one lost
_LOUDNESS_NEAR_LU = 0.1
_NO_TAGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Finished:
    """A file and what is in it.

    audio: what a player of the file hears, and analysis what was measured in it.
    warnings: what the client should know, such as a loudness missed.
    sound_sha256: the digest of the encoded sound alone, equal for equal songs (provenance/sound.py). signed:
    the file has credentials, within or, as `sidecar`, beside it.
    """

    content: bytes
    content_type: str
    extension: str
    audio: Audio
    analysis: Analysis
    warnings: tuple[str, ...] = ()
    watermark: dict[str, str | bool | float | None] | None = None
    sound_sha256: str = ""
    signed: bool = False
    sidecar: bytes | None = None

    @property
    def place(self) -> Literal["embedded", "sidecar"] | None:
        """Where the credentials are."""
        if not self.signed:
            return None
        return "embedded" if self.sidecar is None else "sidecar"

    @property
    def one_of_a_kind(self) -> bool:
        """Whether the same song, finished again, is another file: the ids of credentials are drawn."""
        return self.place == "embedded"


@dataclass(frozen=True, slots=True)
class _Work:
    """A song on its way."""

    audio: Audio
    output: Output
    tags: Mapping[str, str] | None
    mark: Mark | None
    seal: Seal | None
    content: bytes = b""
    analysis: Analysis | None = None
    warnings: tuple[str, ...] = ()
    watermark: dict[str, str | bool | float | None] | None = None
    sound_sha256: str = ""
    sidecar: bytes | None = None


def finish(
    audio: Audio,
    output: Output,
    tags: Mapping[str, str] | None = _NO_TAGS,
    mark: Mark | None = None,
    seal: Seal | None = None,
) -> Finished:
    """The song as the file that was asked for.

    audio: mono or stereo. tags: any of `tags.ALLOWED` (title, model, license, ...), never the prompt; None
    writes none. mark: the watermark, which is written into the sound and looked for in the file. seal: signs
    the file.

    Raises Unavailable where the seal cannot be had, BadSong for a song that must not be handed out, and
    InvalidRequest naming the parameter for a file that cannot be.
    """
    refuse_impossible(
        output, model_rate_hz=audio.sample_rate, channels=audio.channels, duration_s=audio.duration_s
    )
    work = _Work(audio, output, tags, mark, seal)
    for step in STEPS:
        work = step(work)
    content_type = encode.CONTAINERS[output.format].content_type
    assert work.analysis is not None  # noqa: S101 - _measure is one of the steps
    return Finished(
        work.content,
        content_type,
        output.format,
        work.audio,
        work.analysis,
        work.warnings,
        work.watermark,
        work.sound_sha256,
        seal is not None,
        work.sidecar,
    )


def check(audio: Audio) -> None:
    """Raise BadSong, whose `reason` is one word, for a song that must not be handed out."""
    checks.check(audio)


def _check(work: _Work) -> _Work:
    checks.check(work.audio)
    return work


def _resample(work: _Work) -> _Work:
    audio, rate = work.audio, file_rate_hz(work.output, work.audio.sample_rate)
    if rate == audio.sample_rate:
        return work
    resampled = soxr.resample(audio.samples.T, audio.sample_rate, rate, quality="VHQ").T
    # soxr rounds the length its own way; a song's length is exact.
    count = round(audio.samples.shape[1] * rate / audio.sample_rate)
    samples = np.pad(resampled[:, :count], ((0, 0), (0, max(0, count - resampled.shape[1]))))
    return replace(work, audio=Audio(np.ascontiguousarray(samples, dtype=np.float32), rate))


def _fade(work: _Work) -> _Work:
    audio, count = work.audio, work.audio.samples.shape[1]
    gain = np.ones(count, dtype=np.float32)
    rise = _rise(min(count, round(work.output.fade_in_s * audio.sample_rate)))
    fall = _rise(min(count, round(work.output.fade_out_s * audio.sample_rate)))[::-1]
    gain[: rise.size] *= rise
    gain[count - fall.size :] *= fall
    return replace(work, audio=Audio(audio.samples * gain, audio.sample_rate))


def _mark(work: _Work) -> _Work:
    return work if work.mark is None else replace(work, audio=work.mark.write(work.audio))


def _to_loudness(work: _Work) -> _Work:
    wish = work.output.normalize
    if wish.strategy == "none":
        return work
    room_db = wish.true_peak_db - loudness.true_peak_db(work.audio)
    if wish.strategy == "peak":
        return replace(work, audio=_louder(work.audio, room_db))
    audio, most_db = work.audio, room_db + limiter.MAX_REDUCTION_DB
    gain_db = wish.lufs - loudness.integrated(audio)
    for _ in range(_LOUDNESS_TRIES):
        gain_db = min(gain_db, most_db)
        loud = limiter.limited(_louder(audio, gain_db), wish.true_peak_db - _PEAK_TOLERANCE_DB)
        missing_db = wish.lufs - loudness.integrated(loud)
        if missing_db < _LOUDNESS_NEAR_LU or gain_db == most_db:
            break
        gain_db += missing_db
    return replace(work, audio=loud)


def _encode(work: _Work) -> _Work:
    """Encode, listen to the file, and take back what a lossy encoder adds to the peaks."""
    output, wanted = work.output, work.audio
    ceiling_db = math.inf if output.normalize.strategy == "none" else output.normalize.true_peak_db
    for _ in range(_ENCODING_TRIES):
        content = encode.encode(wanted, output.format, output.bitrate_kbps)
        heard = encode.decode(content)
        excess_db = loudness.true_peak_db(heard) - ceiling_db
        if excess_db <= _PEAK_TOLERANCE_DB:
            break
        wanted = _louder(wanted, -excess_db - _PEAK_TOLERANCE_DB)
    return replace(work, audio=heard, content=content)


def _measure(work: _Work) -> _Work:
    analysis = analyse(work.audio)
    return replace(work, analysis=analysis, warnings=tuple(_warnings(work, analysis)))


def _find_mark(work: _Work) -> _Work:
    """In what a player of the file hears."""
    if work.mark is None:
        return work
    found = work.mark.found(work.audio)
    warnings = work.warnings
    if not found["detected"] and work.audio.duration_s >= ENOUGH_S:
        warnings = (*warnings, "watermark: it is not heard in the file")
    return replace(work, watermark=found, warnings=warnings)


def _digest(work: _Work) -> _Work:
    return replace(work, sound_sha256=sound_digest(io.BytesIO(work.content)) or "")


def _tag(work: _Work) -> _Work:
    content = tags.tag(work.content, work.output.format, work.tags, work.sound_sha256)
    return replace(work, content=content)


def _sign(work: _Work) -> _Work:
    if work.seal is None:
        return work
    signed = work.seal.sign(work.content, work.output.format)
    warnings = work.warnings
    if signed.unstamped:
        warnings = (*warnings, f"credentials: they have no time stamp: {signed.unstamped}")
    return replace(work, content=signed.content, sidecar=signed.sidecar, warnings=warnings)


# Resampling and the watermark move peaks and fading lowers loudness, so they come before the gain. Tags come
# when the file is whole, since whatever wrote it anew would drop them, and the signature is of all that.
STEPS: tuple[Callable[[_Work], _Work], ...] = (
    _check,
    _resample,
    _fade,
    _mark,
    _to_loudness,
    _encode,
    _measure,
    _find_mark,
    _digest,
    _tag,
    _sign,
)


def _rise(count: int) -> NDArray[np.float32]:
    """From nothing to everything as sin², whose slope is nothing at both ends [count]."""
    return np.asarray(np.sin(np.pi / 2 * (np.arange(count) + 0.5) / max(count, 1)) ** 2, dtype=np.float32)


def _louder(audio: Audio, gain_db: float) -> Audio:
    return Audio(audio.samples * np.float32(10 ** (gain_db / 20)), audio.sample_rate)


def _warnings(work: _Work, analysis: Analysis) -> list[str]:
    output, wish, found = work.output, work.output.normalize, []
    lufs, peak_db = analysis["lufs"], analysis["true_peak_db"]
    if wish.strategy == "loudness" and (lufs is None or abs(lufs - wish.lufs) > LOUDNESS_TOLERANCE_LU):
        measured = "too quiet to measure" if lufs is None else f"{lufs:.1f} LUFS instead of {wish.lufs:g}"
        found.append(f"loudness: {measured}; more would push the peaks beyond {wish.true_peak_db:g} dB")
    if wish.strategy != "none" and peak_db is not None and peak_db > wish.true_peak_db + 0.1:
        found.append(
            f"true peak: {peak_db:.1f} dB instead of {wish.true_peak_db:g}, which {output.format} added"
        )
    if analysis["clipped_samples"]:
        found.append(f"clipping: {analysis['clipped_samples']} samples are at full scale")
    if output.bitrate_kbps is not None:
        kbps = encode.bitrate_kbps(work.content, output.format, work.audio.duration_s)
        if abs(kbps / output.bitrate_kbps - 1) > 2 * encode.BITRATE_TOLERANCE:
            found.append(f"bitrate: {kbps:.0f} kbit/s is as near to {output.bitrate_kbps} as this song comes")
    return found
