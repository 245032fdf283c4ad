"""Whose songs these are: the deployment's watermark keys, and the mark of each song.

A mark names the deployment, the key and the song, never a person. The song's part is a hash of all that it
depends on, so equal songs stay equal files.
"""

from __future__ import annotations

import hashlib
import secrets as dice
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Heard, Ours, Stream, Watermarker, watermarker
from muscgen.provenance.watermarkers.ours import METHOD
from muscgen.request import SongRequest
from muscgen.settings import Settings
from muscgen.settings.made import kept_secret

ENOUGH_S = 5.0  # a shorter song may be too short to find the mark in
MAX_VERSION = 255
_SECRET_BYTES = 32
_NO_PART = {"n", "seed", "output", "delivery", "metadata", "rights", "cache"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One song's watermark. by: what writes it."""

    by: Watermarker
    payload: Payload

    def write(self, audio: Audio) -> Audio:
        """The sound with its mark; as long as before, to the sample."""
        stream = self.stream(sample_rate=audio.sample_rate, channels=audio.channels)
        return Audio(stream.push(audio.samples, last=True), audio.sample_rate)

    def stream(self, *, sample_rate: int, channels: int) -> Stream:
        return self.by.stream(self.payload, sample_rate=sample_rate, channels=channels)

    def found(self, audio: Audio) -> dict[str, str | bool | float | None]:
        """What a job's output says of its mark: whether it is heard in this sound, and how clearly."""
        heard = self.by.find(audio, warped=False)
        detected = heard is not None and heard.agrees(self.payload)
        confidence = round(heard.confidence, 2) if heard is not None and detected else None
        return {
            "method": self.by.method,
            "payload": self.payload.hex(),
            "detected": detected,
            "confidence": confidence,
        }


@dataclass(frozen=True, slots=True)
class Marks:
    """The keys of a deployment by version; the newest writes, all are looked for.

    other: what marks songs in place of our own watermark; both are looked for.
    """

    secrets: Mapping[int, bytes]
    other: Watermarker | None = None

    @property
    def method(self) -> str:
        """Of what writes."""
        return METHOD if self.other is None else self.other.method

    @property
    def deployment(self) -> int:
        """16 bits that follow from the oldest key."""
        oldest = self.secrets[min(self.secrets)]
        return int.from_bytes(hashlib.sha256(b"muscgen deployment" + oldest).digest()[:2])

    @property
    def name(self) -> str:
        """What tells these keys from others, and nothing of them."""
        return f"{self.deployment}:{max(self.secrets)}" + ("" if self.other is None else f":{self.method}")

    def of(self, request: SongRequest, output: int, revision: str) -> Mark:
        """The mark of one output of a request, made by the model of that revision."""
        version = max(self.secrets)
        song = f"{revision} {request.seed_of(output)} {request.model_dump_json(exclude=_NO_PART)}"
        by = self.other or Ours({version: self.secrets[version]})
        return Mark(by, Payload.of(self.deployment, version, song))

    def find(self, audio: Audio, *, warped: bool = True) -> list[Heard]:
        """The marks that are heard in any sound, by every method and key that this deployment has."""
        found = (method.find(audio, warped=warped) for method in self._methods)
        return [heard for heard in found if heard is not None]

    @property
    def rate_hz(self) -> int:
        """Of the sound that `find` wants: more has no more of any mark."""
        return max(method.rate_hz for method in self._methods)

    @property
    def methods(self) -> list[str]:
        """What `find` looks for."""
        return [method.method for method in self._methods]

    @property
    def _methods(self) -> list[Watermarker]:
        return [Ours(self.secrets), *([] if self.other is None else [self.other])]


def marks_by(settings: Settings) -> Marks:
    """Whose marks the settings want written and looked for. Raises ConfigurationError."""
    other = watermarker(settings.watermark_method, settings.watermark_weights)
    return marks_of(settings.watermark_keys, settings.watermark_path, other)


def marks_of(keys: tuple[str, ...], file: Path, other: Watermarker | None = None) -> Marks:
    """The keys that the settings give ("version:hexadecimal digits"), else those in the file.

    A file that is not there is made, with one key, readable by its owner alone. Raises ConfigurationError.
    """
    lines = keys or tuple(kept_secret(file, _first, "watermark_keys").split())
    found: dict[int, bytes] = {}
    for line in lines:
        version, _, digits = line.partition(":")
        if not version.isdecimal() or int(version) > MAX_VERSION or not _is_secret(digits):
            raise ConfigurationError(
                "a watermark key is a version from 0 to 255, a colon and at least 32 hexadecimal digits",
                param="watermark_keys",
            )
        found[int(version)] = bytes.fromhex(digits)
    if len(found) != len(lines) or not found:
        raise ConfigurationError("every watermark key has a version of its own", param="watermark_keys")
    return Marks(found, other)


def _first() -> str:
    return f"1:{dice.token_hex(_SECRET_BYTES)}\n"


def marks_if_any(settings: Settings) -> tuple[Marks | None, str]:
    """The keys that there are, none are made; and why another method than ours is not looked for here.

    Whoever checks files need not have the weights that songs are marked with. Raises ConfigurationError.
    """
    other, why = None, ""
    try:
        other = watermarker(settings.watermark_method, settings.watermark_weights)
    except ConfigurationError as error:
        why = error.detail
    if not settings.watermark_keys and not settings.watermark_path.exists():
        return None, why
    return marks_of(settings.watermark_keys, settings.watermark_path, other), why


def rotate(file: Path) -> int:
    """Add a key to those in the file, which writes from the next start on. Its version."""
    marks = marks_of((), file)
    version = max(marks.secrets) + 1
    if version > MAX_VERSION:
        raise ConfigurationError(f"{file}: versions end at {MAX_VERSION}", param="watermark_keys")
    secrets = {**marks.secrets, version: dice.token_bytes(_SECRET_BYTES)}
    part = _part(file)
    try:
        part.write_text("".join(f"{number}:{secret.hex()}\n" for number, secret in secrets.items()), "utf-8")
        part.rename(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", param="watermark_keys") from error
    return version


def _part(file: Path) -> Path:
    """An empty file beside it that is its owner's alone."""
    part = file.with_name(f"{file.name}.{dice.token_hex(4)}")
    part.touch(mode=0o600)
    return part


def _is_secret(digits: str) -> bool:
    try:
        return len(bytes.fromhex(digits)) >= _SECRET_BYTES // 2
    except ValueError:
        return False
